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

# An invented organisation on which two acts bear at once: it watches over a state body's portal
# (order No. 199) and is a bank's response service (resolution No. 90).
[organisation]
name = { kk = "«Үлгі» қауіпсіздік орталығы", ru = "Центр безопасности «Улги»", en = "Ulgi Security Centre" }
details = { kk = "Астана қ., Үлгі көш., 1", ru = "г. Астана, ул. Улги, 1", en = "1 Ulgi Street, Astana" }
contact = "soc@ulgi.example, +7 7172 00 00 00"
signer = { name = "Д. Әбілқасымов", position = { kk = "Орталық басшысы", ru = "Руководитель центра", en = "Head of the centre" } }
bearers = ["kz/o199:sts", "kz/r90:bank"]
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

[[contact]]
party = "executives"
name = { kk = "Басшы қызметкерлер (үлгі)", ru = "Руководящие работники (пример)", en = "Executives (example)" }
email = "executives@ulgi.example"
language = "kk"

[[contact]]
party = "response_stage"
name = { kk = "Ден қою кезеңіне жауаптылар (үлгі)", ru = "Ответственные за этап реагирования (пример)", en = "Response stage (example)" }
email = "response@ulgi.example"
language = "kk"

[[contact]]
party = "regulator"
name = { kk = "Қаржы нарығын реттеу және дамыту агенттігі (үлгі)", ru = "Агентство по регулированию и развитию финансового рынка (пример)", en = "Agency for Regulation and Development of the Financial Market (example)" }
email = "incidents@regulator.example"
language = "ru"

[[contact]]
party = "collegial_body"
name = { kk = "Алқалы орган (үлгі)", ru = "Коллегиальный орган (пример)", en = "Collegial body (example)" }
email = "board@ulgi.example"
language = "kk"

[mail]
from = "saqshy@ulgi.example"
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
