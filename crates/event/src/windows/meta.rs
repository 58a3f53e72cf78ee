//! Names of levels, opcodes, keywords and tasks (`winmeta.xml` of the Windows SDK; tasks from the
//! manifests of Sysmon and Security Auditing).

pub(crate) fn level(number: u64) -> Option<&'static str> {
    Some(match number {
        // Zero is "log always"; Event Viewer shows it as information.
        0 | 4 => "information",
        1 => "critical",
        2 => "error",
        3 => "warning",
        5 => "verbose",
        _ => return None,
    })
}

/// The number of a level's name, as Sigma rules compare it.
pub(crate) fn level_number(name: &str) -> Option<&'static str> {
    Some(match name {
        "critical" => "1",
        "error" => "2",
        "warning" => "3",
        "information" => "4",
        "verbose" => "5",
        _ => return None,
    })
}

pub(crate) fn opcode(number: u64) -> Option<&'static str> {
    const NAMES: [&str; 10] = [
        "Info",
        "Start",
        "Stop",
        "DCStart",
        "DCStop",
        "Extension",
        "Reply",
        "Resume",
        "Suspend",
        "Send",
    ];
    NAMES.get(usize::try_from(number).ok()?).copied()
}

const KEYWORDS: [(u64, &str); 7] = [
    (0x0001_0000_0000_0000, "Response Time"),
    (0x0004_0000_0000_0000, "WDI Diag"),
    (0x0008_0000_0000_0000, "SQM"),
    (0x0010_0000_0000_0000, "Audit Failure"),
    (0x0020_0000_0000_0000, "Audit Success"),
    (0x0040_0000_0000_0000, "Correlation Hint"),
    (0x0080_0000_0000_0000, "Classic"),
];
/// Set in every event of an administrative channel.
const CHANNEL_BIT: u64 = 0x8000_0000_0000_0000;

pub(crate) fn keywords(mask: u64) -> Vec<String> {
    let set = KEYWORDS.iter().filter(|(bit, _)| mask & bit != 0);
    set.map(|(_, name)| (*name).to_owned()).collect()
}

/// The mask of known keyword names, as Sigma rules compare it; `None` if a name is unknown.
pub(crate) fn keyword_mask(names: &[String]) -> Option<String> {
    let mut mask = CHANNEL_BIT;
    for name in names {
        mask |= KEYWORDS.iter().find(|(_, known)| known == name)?.0;
    }
    Some(format!("{mask:#x}"))
}

/// The name of task `number` of `provider`.
pub(crate) fn task(provider: Option<&str>, number: u64) -> Option<&'static str> {
    match provider {
        Some("Microsoft-Windows-Sysmon") => sysmon_task(number),
        Some("Microsoft-Windows-Security-Auditing") => security_task(number),
        Some("Microsoft-Windows-Eventlog") => match number {
            103 => Some("Service shutdown"),
            104 => Some("Log clear"),
            105 => Some("Log automatic backup"),
            _ => None,
        },
        _ => (number == 0).then_some("None"),
    }
}

fn sysmon_task(number: u64) -> Option<&'static str> {
    Some(match number {
        1 => "Process Create (rule: ProcessCreate)",
        2 => "File creation time changed (rule: FileCreateTime)",
        3 => "Network connection detected (rule: NetworkConnect)",
        4 => "Sysmon service state changed",
        5 => "Process terminated (rule: ProcessTerminate)",
        6 => "Driver loaded (rule: DriverLoad)",
        7 => "Image loaded (rule: ImageLoad)",
        8 => "CreateRemoteThread detected (rule: CreateRemoteThread)",
        9 => "RawAccessRead detected (rule: RawAccessRead)",
        10 => "Process accessed (rule: ProcessAccess)",
        11 => "File created (rule: FileCreate)",
        12 => "Registry object added or deleted (rule: RegistryEvent)",
        13 => "Registry value set (rule: RegistryEvent)",
        14 => "Registry object renamed (rule: RegistryEvent)",
        15 => "File stream created (rule: FileCreateStreamHash)",
        16 => "Sysmon config state changed",
        17 => "Pipe Created (rule: PipeEvent)",
        18 => "Pipe Connected (rule: PipeEvent)",
        19 => "WmiEventFilter activity detected (rule: WmiEvent)",
        20 => "WmiEventConsumer activity detected (rule: WmiEvent)",
        21 => "WmiEventConsumerToFilter activity detected (rule: WmiEvent)",
        22 => "Dns query (rule: DnsQuery)",
        23 => "File Delete archived (rule: FileDelete)",
        24 => "Clipboard changed (rule: ClipboardChange)",
        25 => "Process Tampering (rule: ProcessTampering)",
        26 => "File Delete logged (rule: FileDeleteDetected)",
        27 => "File Block Executable (rule: FileBlockExecutable)",
        28 => "File Block Shredding (rule: FileBlockShredding)",
        29 => "File Executable Detected (rule: FileExecutableDetected)",
        255 => "Error report",
        _ => return None,
    })
}

fn security_task(number: u64) -> Option<&'static str> {
    Some(match number {
        12288 => "Security State Change",
        12289 => "Security System Extension",
        12290 => "System Integrity",
        12291 => "IPsec Driver",
        12292 => "Other System Events",
        12544 => "Logon",
        12545 => "Logoff",
        12546 => "Account Lockout",
        12547 => "IPsec Main Mode",
        12548 => "Special Logon",
        12549 => "IPsec Quick Mode",
        12550 => "IPsec Extended Mode",
        12551 => "Other Logon/Logoff Events",
        12552 => "Network Policy Server",
        12553 => "User / Device Claims",
        12554 => "Group Membership",
        12800 => "File System",
        12801 => "Registry",
        12802 => "Kernel Object",
        12803 => "SAM",
        12804 => "Other Object Access Events",
        12805 => "Certification Services",
        12806 => "Application Generated",
        12807 => "Handle Manipulation",
        12808 => "File Share",
        12809 => "Filtering Platform Packet Drop",
        12810 => "Filtering Platform Connection",
        12811 => "Detailed File Share",
        12812 => "Removable Storage",
        12813 => "Central Policy Staging",
        13056 => "Sensitive Privilege Use",
        13057 => "Non Sensitive Privilege Use",
        13058 => "Other Privilege Use Events",
        13312 => "Process Creation",
        13313 => "Process Termination",
        13314 => "DPAPI Activity",
        13315 => "RPC Events",
        13316 => "Plug and Play Events",
        13317 => "Token Right Adjusted Events",
        13568 => "Audit Policy Change",
        13569 => "Authentication Policy Change",
        13570 => "Authorization Policy Change",
        13571 => "MPSSVC Rule-Level Policy Change",
        13572 => "Filtering Platform Policy Change",
        13573 => "Other Policy Change Events",
        13824 => "User Account Management",
        13825 => "Computer Account Management",
        13826 => "Security Group Management",
        13827 => "Distribution Group Management",
        13828 => "Application Group Management",
        13829 => "Other Account Management Events",
        14080 => "Directory Service Access",
        14081 => "Directory Service Changes",
        14082 => "Directory Service Replication",
        14083 => "Detailed Directory Service Replication",
        14336 => "Credential Validation",
        14337 => "Kerberos Service Ticket Operations",
        14338 => "Other Account Logon Events",
        14339 => "Kerberos Authentication Service",
        _ => return None,
    })
}
