//! A real slapd with the password policy overlay; whether an account works is asked with
//! `ldapwhoami`, which knows nothing of us.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::common::{start_in, until};
use crate::{Hands, Peer, Response, lacks, run, text};

const CONFIG: &str = r#"
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
attributetype ( 1.2.840.113556.1.4.8 NAME 'userAccountControl' EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27 SINGLE-VALUE )
attributetype ( 1.2.840.113556.1.4.221 NAME 'sAMAccountName' EQUALITY caseIgnoreMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
objectclass ( 1.3.6.1.4.1.32473.1 NAME 'domainUser' SUP top AUXILIARY MAY ( userAccountControl $ sAMAccountName ) )
modulepath /usr/lib/ldap
moduleload back_mdb
moduleload ppolicy
TLSCertificateFile FOLDER/cert.pem
TLSCertificateKeyFile FOLDER/key.pem
database mdb
suffix "dc=example,dc=kz"
rootdn "cn=root,dc=example,dc=kz"
rootpw root-password
directory FOLDER/db
overlay ppolicy
ppolicy_default "cn=policy,dc=example,dc=kz"
access to attrs=userPassword by anonymous auth by * none
access to dn.subtree="ou=people,dc=example,dc=kz" attrs=pwdAccountLockedTime,shadowExpire,userAccountControl by dn.exact="cn=saqshy,dc=example,dc=kz" write by * none
access to * by dn.exact="cn=saqshy,dc=example,dc=kz" read by anonymous auth by self read
"#;
const ENTRIES: &str = "\
dn: dc=example,dc=kz
objectClass: dcObject
objectClass: organization
o: Example

dn: cn=policy,dc=example,dc=kz
objectClass: device
objectClass: pwdPolicy
cn: policy
pwdAttribute: userPassword
pwdLockout: TRUE

dn: cn=saqshy,dc=example,dc=kz
objectClass: person
objectClass: simpleSecurityObject
cn: saqshy
sn: saqshy
userPassword: service-password

dn: ou=people,dc=example,dc=kz
objectClass: organizationalUnit
ou: people

dn: uid=a.serikov,ou=people,dc=example,dc=kz
objectClass: inetOrgPerson
objectClass: shadowAccount
objectClass: domainUser
uid: a.serikov
sAMAccountName: a.serikov
cn: Айдос Серіков
sn: Серіков
mail: aidos@example.kz
userAccountControl: 66048
shadowExpire: 30000
userPassword: user-password

dn: uid=twin,ou=people,dc=example,dc=kz
objectClass: inetOrgPerson
uid: twin
uid: a.twin
cn: twin
sn: twin

dn: cn=other,ou=people,dc=example,dc=kz
objectClass: inetOrgPerson
uid: twin
cn: other
sn: other
";
const BASE: &str = "dc=example,dc=kz";
const ACCOUNT: &str = "uid=a.serikov,ou=people,dc=example,dc=kz";

struct Directory {
    slapd: Peer,
    plain: u16,
    tls: u16,
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

impl Directory {
    fn start(folder: &Path) -> Option<Directory> {
        if lacks(&["slapd", "slapadd", "ldapwhoami", "ldapsearch", "ldapmodify"]) {
            return None;
        }
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("cert.pem", &made.cert.pem());
        write("key.pem", &made.signing_key.serialize_pem());
        let here = folder.display().to_string();
        write("slapd.conf", &CONFIG.replace("FOLDER", &here));
        write("entries.ldif", ENTRIES);
        write("service.password", "service-password\n");
        std::fs::create_dir(folder.join("db")).unwrap();
        let config = folder.join("slapd.conf");
        let mut add = Command::new("/usr/sbin/slapadd");
        add.arg("-f")
            .arg(&config)
            .arg("-l")
            .arg(folder.join("entries.ldif"));
        run(&mut add).unwrap();
        let (plain, tls) = (free_port(), free_port());
        let urls = format!("ldap://127.0.0.1:{plain} ldaps://127.0.0.1:{tls}");
        let log = std::fs::File::create(folder.join("slapd.log")).unwrap();
        let mut slapd = Command::new("/usr/sbin/slapd");
        slapd.args(["-d", "0", "-h", &urls, "-f"]).arg(&config);
        let slapd = slapd.stdin(Stdio::null()).stderr(log).spawn().unwrap();
        Some(Directory {
            slapd: Peer(slapd),
            plain,
            tls,
        })
    }

    fn tool(&self, name: &str, who: &str, password: &str) -> Command {
        let mut command = Command::new(name);
        let url = format!("ldap://127.0.0.1:{}", self.plain);
        command.args(["-x", "-H", &url, "-D", who, "-w", password]);
        command
    }

    /// Whether the person can sign in.
    fn works(&self) -> bool {
        run(&mut self.tool("ldapwhoami", ACCOUNT, "user-password")).is_ok()
    }

    /// The value of one attribute of the account, as the directory's owner sees it.
    fn value(&self, attribute: &str) -> Option<String> {
        let mut search = self.tool("ldapsearch", &format!("cn=root,{BASE}"), "root-password");
        let found = run(search.args(["-LLL", "-b", ACCOUNT, attribute])).unwrap();
        let start = format!("{attribute}: ");
        let line = found.lines().find_map(|line| line.strip_prefix(&start));
        line.map(str::to_owned)
    }

    /// An administrator writes over the value.
    fn overwrite(&self, folder: &Path, attribute: &str, value: &str) {
        let file = folder.join("change.ldif");
        let change = format!(
            "dn: {ACCOUNT}\nchangetype: modify\nreplace: {attribute}\n{attribute}: {value}\n"
        );
        std::fs::write(&file, change).unwrap();
        let mut modify = self.tool("ldapmodify", &format!("cn=root,{BASE}"), "root-password");
        run(modify.arg("-f").arg(file)).unwrap();
    }

    fn settings(&self, url: &str, way: &str, account: &str, more: &str) -> String {
        format!(
            "[response.directory]\nurl = \"{url}\"\nbind_dn = \"CN=saqshy, {BASE}\"\n\
             password_file = \"service.password\"\nbase = \"{BASE}\"\n\
             account_attribute = \"{account}\"\ndisable = \"{way}\"\n{more}\n"
        )
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_account_is_disabled_in_a_real_directory_and_works_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(directory) = Directory::start(folder.path()) else {
        return;
    };
    until("slapd answers", async || directory.works()).await;
    let url = format!("ldap://localhost:{}", directory.plain);
    let start_tls = "start_tls = true\nca_file = \"cert.pem\"";
    let extra = directory.settings(&url, "ppolicy", "uid", start_tls);
    let (hands, clock) = Hands::new();
    let trial = start_in(folder, &extra, clock).await;
    let response = Response::new(&trial).await;

    let asked = response.ask("disable_account", "a.serikov", 60).await;
    let said = "uid=a.serikov,ou=people,dc=example,dc=kz: pwdAccountLockedTime – → 000001010000Z";
    assert_eq!(text(&asked, "rehearsal"), said);
    assert!(directory.works());
    let applied = response.approve(&asked).await;
    assert_eq!(applied["state"], "applied", "{applied}");
    assert!(!directory.works());
    let undone = response.undo(&asked).await;
    assert_eq!(undone["state"], "undone", "{undone}");
    assert!(directory.works());
    assert_eq!(directory.value("pwdAccountLockedTime"), None);

    // Its time is over.
    let asked = response.ask("disable_account", "A.Serikov", 10).await;
    response.approve(&asked).await;
    assert!(!directory.works());
    hands.forward(11);
    response.ends(&asked).await;
    assert!(directory.works());

    // A lock that an administrator sets meanwhile stays.
    let asked = response.ask("disable_account", "a.serikov", 60).await;
    response.approve(&asked).await;
    let theirs = "20260316091200Z";
    directory.overwrite(trial.folder.path(), "pwdAccountLockedTime", theirs);
    let undone = response.undo(&asked).await;
    assert!(
        text(&undone, "result").contains("left as it is"),
        "{undone}"
    );
    assert_eq!(
        directory.value("pwdAccountLockedTime").as_deref(),
        Some(theirs)
    );

    // A dry run says what will not do: a name that is protected under another of its names, our
    // own account, two of a name, nobody, and a name that is no name.
    let protect =
        json!({"target": "aidos@example.kz", "protected": true, "reason": "бас бухгалтер"});
    let protected = response
        .chief
        .ok("POST", "/response-targets", Some(&protect));
    protected.await;
    for (target, why) in [
        ("a.serikov", "never touched: бас бухгалтер"),
        ("twin", "more than one account"),
        ("nobody", "no account `nobody`"),
    ] {
        let asked = response.ask("disable_account", target, 60).await;
        let said = text(&asked, "rehearsal");
        assert!(said.starts_with('!') && said.contains(why), "{said}");
    }
    let body = json!({"driver": "disable_account", "target": "*", "minutes": 5, "reason": "x"});
    let path = format!("/incidents/{}/actions", response.case);
    let refused = response.analyst.call("POST", &path, Some(&body)).await;
    assert_eq!(refused.status, 422, "{}", refused.text());

    // A directory that is gone: the failure stands on the action, and undoing is tried again.
    let gone = json!({"target": "aidos@example.kz", "protected": false, "reason": "қате"});
    response
        .chief
        .ok("POST", "/response-targets", Some(&gone))
        .await;
    directory.overwrite(trial.folder.path(), "pwdAccountLockedTime", "000001010000Z");
    let asked = response.ask("disable_account", "a.serikov", 60).await;
    drop(directory.slapd);
    let failed = response.approve(&asked).await;
    assert_eq!(failed["state"], "failed", "{failed}");
    assert!(
        text(&failed, "result").contains("ldap://localhost"),
        "{failed}"
    );
}

/// The flag of Active Directory and the day of RFC 2307, over TLS from the first byte; a
/// certificate that nobody vouches for ends the conversation before the password is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_directories_say_it_in_their_own_attribute() {
    for (way, account, attribute, before, between) in [
        (
            "active_directory",
            "sAMAccountName",
            "userAccountControl",
            "66048",
            "66050",
        ),
        ("shadow_expire", "uid", "shadowExpire", "30000", "1"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let Some(directory) = Directory::start(folder.path()) else {
            return;
        };
        until("slapd answers", async || directory.works()).await;
        let url = format!("ldaps://localhost:{}", directory.tls);
        let extra = directory.settings(&url, way, account, "ca_file = \"cert.pem\"");
        let trial = start_in(folder, &extra, Hands::new().1).await;
        let response = Response::new(&trial).await;
        let asked = response.ask("disable_account", "a.serikov", 60).await;
        let said = format!("{ACCOUNT}: {attribute} {before} → {between}");
        assert_eq!(text(&asked, "rehearsal"), said);
        let applied = response.approve(&asked).await;
        assert_eq!(applied["state"], "applied", "{applied}");
        assert_eq!(directory.value(attribute).as_deref(), Some(between));
        let undone = response.undo(&asked).await;
        assert_eq!(undone["state"], "undone", "{undone}");
        assert_eq!(directory.value(attribute).as_deref(), Some(before));

        std::fs::write(trial.folder.path().join("cert.pem"), "").unwrap();
        let asked = response.ask("disable_account", "a.serikov", 60).await;
        let said = text(&asked, "rehearsal");
        assert!(
            said.starts_with('!') && said.contains("ertificate"),
            "{said}"
        );
    }
}
