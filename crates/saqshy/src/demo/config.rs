//! The demo's configuration: a file like any other, written into the data folder and loaded from
//! there, so that it can be read and used with `saqshy serve`.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use saqshy_server::config::Config;

/// Writes `saqshy.toml` into `data` and loads it.
pub fn write(data: &Path, listen: SocketAddr, smtp: Option<SocketAddr>) -> anyhow::Result<Config> {
    let mail = match smtp {
        Some(smtp) => format!(
            "host = \"{}\"\nport = {}\nsecurity = \"none\"",
            smtp.ip(),
            smtp.port()
        ),
        None => "folder = \"outbox\"".to_owned(),
    };
    let text = TEMPLATE
        .replace("@LISTEN@", &listen.to_string())
        .replace("@MAIL@", &mail);
    let path = data.join("saqshy.toml");
    std::fs::write(&path, text).with_context(|| format!("writing `{}`", path.display()))?;
    Config::load(&path)
}

const TEMPLATE: &str = r#"# Made by `saqshy demo`. Works with `saqshy serve --config` too.
node = "demo"
data_dir = "."

[organisation]
name = { kk = "«Мемлекеттік техникалық қызмет» АҚ (үлгі)", ru = "АО «Государственная техническая служба» (пример)", en = "State Technical Service JSC (example)" }
bearers = ["kz/o199:sts"]
time_zone = "Asia/Almaty"

[console]
listen = "@LISTEN@"

[intake]
syslog_udp = "127.0.0.1:0"
syslog_tcp = "127.0.0.1:0"
syslog_tls = "127.0.0.1:0"
http = "127.0.0.1:0"

[lake]
flush_age_ms = 5000

[incidents]
language = "kk"

[[incidents.category]]
id = "intrusion"
title = { kk = "Рұқсатсыз кіру", ru = "Несанкционированный доступ", en = "Intrusion" }

[[incidents.category]]
id = "malware"
title = { kk = "Зиянды бағдарлама", ru = "Вредоносная программа", en = "Malware" }

[[incidents.category]]
id = "exfiltration"
title = { kk = "Деректердің сыртқа шығуы", ru = "Утечка данных", en = "Data exfiltration" }

[[incidents.rule]]
id = "critical"
when = { level = "critical" }
join_minutes = 1440
incident.category = "intrusion"
incident.title = { kk = "{entity}: {rule}", ru = "{entity}: {rule}", en = "{entity}: {rule}" }

[[contact]]
party = "state_body"
name = { kk = "Мемлекеттік орган (үлгі)", ru = "Государственный орган (пример)", en = "State body (example)" }
email = "security@state-body.example"
language = "kk"

[[contact]]
party = "nsc"
name = { kk = "Қазақстан Республикасының Ұлттық қауіпсіздік комитеті (үлгі)", ru = "Комитет национальной безопасности Республики Казахстан (пример)", en = "National Security Committee (example)" }
email = "duty@nsc.example"
language = "kk"

[[contact]]
party = "authorised_body"
name = { kk = "Уәкілетті орган (үлгі)", ru = "Уполномоченный орган (пример)", en = "Authorised body (example)" }
email = "duty@authorised-body.example"
language = "ru"

[mail]
from = "saqshy@sts.example"
@MAIL@
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_has_a_valid_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let listen = "127.0.0.1:0".parse().unwrap();
        for smtp in [None, Some("127.0.0.1:2525".parse().unwrap())] {
            let config = write(folder.path(), listen, smtp).unwrap();
            let law = saqshy_server::runtime::load_law(&config).unwrap();
            let profile = &law.profile;
            let own = law.packs.iter().flat_map(|pack| {
                let duties = pack.duties.iter();
                duties.filter(|duty| profile.is(pack, &duty.bearer))
            });
            for party in own.flat_map(|duty| &duty.addressee) {
                assert!(
                    config.contacts_of(party).next().is_some(),
                    "no contact for {party}"
                );
            }
        }
    }
}
