//! The command line. Verbs and flags are stable; every verb that prints a result takes
//! `--format json`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use jiff::Timestamp;

/// Collects event logs, finds incidents, keeps the law's clocks and proves all of it.
#[derive(Debug, Parser)]
#[command(
    name = "saqshy",
    version,
    propagate_version = true,
    max_term_width = 100
)]
#[command(
    after_help = "Exit codes: 0 done, 1 found something wrong, 2 bad usage or input, \
3 a needed service could not be reached, 130 interrupted."
)]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
    /// What to log to standard error: error, warn, info, debug, or a tracing filter.
    #[arg(
        long,
        global = true,
        env = "SAQSHY_LOG",
        default_value = "warn",
        hide_env_values = true
    )]
    pub log: String,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Play a story through the real listeners and open the console on it.
    Demo(Demo),
    /// Run the server.
    Serve(Serve),
    /// Look for attacks in log files, without a server.
    Scan(Scan),
    /// Search the stored events of a data folder.
    Search(Search),
    /// Ask the stored events in SQL, read only; the table is `events`.
    Sql(Sql),
    /// Check, list and test detection rules.
    #[command(subcommand)]
    Rules(Rules),
    /// Compute duties and working days, with the computation.
    #[command(subcommand)]
    Law(Law),
    /// Verify the journal and export proofs.
    #[command(subcommand)]
    Journal(Journal),
    /// Accounts of a data folder, while the server is stopped.
    #[command(subcommand)]
    User(User),
    /// Check a configuration file or print the commented sample.
    #[command(subcommand)]
    Config(Config),
    /// Print the completion script of a shell.
    #[command(after_help = "Example:\n  saqshy completions bash > /etc/bash_completion.d/saqshy")]
    Completions { shell: clap_complete::Shell },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saqshy demo                          play the story, then serve the console until Ctrl-C
  saqshy demo --once --format json     play the story, print a summary, stop
  SAQSHY_TEST_DATA=../shared/data saqshy demo   also play Windows event logs found there")]
pub struct Demo {
    /// Where everything is kept. A folder made by an earlier demo is replaced.
    #[arg(long, default_value = "data/demo")]
    pub data: PathBuf,
    /// Where the console listens.
    #[arg(long, default_value = "127.0.0.1:8470")]
    pub listen: SocketAddr,
    /// Stop after the story and its summary.
    #[arg(long)]
    pub once: bool,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Mail server for notices, for example 127.0.0.1:2525. Without one, mail is written to the
    /// folder `outbox` of the data folder.
    #[arg(long)]
    pub smtp: Option<SocketAddr>,
    /// Seed of the story; the same seed tells the same story.
    #[arg(long, default_value_t = 2026)]
    pub seed: u64,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  saqshy config sample > saqshy.toml && saqshy serve --config saqshy.toml"
)]
pub struct Serve {
    #[arg(long, short)]
    pub config: PathBuf,
    /// How to print the addresses once everything listens.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScanFormat {
    /// Hits by rule, for people.
    Table,
    /// One JSON object a hit, then the summary.
    Ndjson,
    /// One JSON document.
    Json,
    /// A row a hit, for spreadsheets.
    Csv,
    /// One file with charts and filters, for a browser without a network.
    Html,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saqshy scan Security.evtx                              with the rules inside the program
  saqshy scan logs/ --rules sigma/rules/windows --format ndjson > hits.ndjson
  saqshy scan 'evidence/**/*.evtx' --level high --format html --output report.html
  saqshy scan export.ndjson --pipeline collector.yml     where process fields have names of their own
  saqshy scan logs/ --tag 'attack.t1059*' --from 2026-03-01 --to 2026-03-21 --zone Asia/Almaty
  zcat auth.log.*.gz | saqshy scan - --format csv --output hits.csv

Files are recognised by content: EVTX (whole, damaged or carved), NDJSON, JSON arrays, Windows XML,
CSV, auditd, syslog and web server logs, each also packed with gzip or zstd. What is no log is
skipped and counted; --verbose names it.

A pipeline in pySigma's YAML renames the fields of rules, for all or for one log source:
  transformations:
    - type: field_name_mapping
      mapping: {Image: proc.path, CommandLine: proc.args}
      rule_conditions: [{type: logsource, category: process_creation}]

Correlations among the rules run over all files together, in the order of time.

Exit codes: 0 done, with or without hits; 1 a part of a file could not be used, or with --strict a
rule was refused; 2 bad usage or an input that cannot be read; 130 interrupted, with what was found
until then.")]
pub struct Scan {
    /// Files, folders, patterns such as 'logs/**/*.gz', or - for standard input.
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Folder or file with Sigma rules; may be repeated. Without it, the rules inside the program.
    #[arg(long, value_name = "PATH", help_heading = "Rules")]
    pub rules: Vec<PathBuf>,
    /// Field mapping to apply over the built-in one (TOML, or YAML of pySigma); may be repeated.
    #[arg(long, value_name = "FILE", help_heading = "Rules")]
    pub pipeline: Vec<PathBuf>,
    /// Lowest level to report: informational, low, medium, high, critical.
    #[arg(long, default_value = "informational", help_heading = "Rules")]
    pub level: String,
    /// Only rules with this id or a title like this pattern; may be repeated.
    #[arg(long, value_name = "ID|TITLE", help_heading = "Rules")]
    pub rule: Vec<String>,
    /// Leave out rules with this id or a title like this pattern; may be repeated.
    #[arg(long, value_name = "ID|TITLE", help_heading = "Rules")]
    pub exclude_rule: Vec<String>,
    /// Only rules with a tag like this pattern, for example 'attack.t1059*'; may be repeated.
    #[arg(long, value_name = "PATTERN", help_heading = "Rules")]
    pub tag: Vec<String>,
    /// Only rules of this status, for example stable; may be repeated.
    #[arg(long, help_heading = "Rules")]
    pub status: Vec<String>,
    /// Count a refused rule as something wrong (exit code 1).
    #[arg(long, help_heading = "Rules")]
    pub strict: bool,
    /// Only hits of events from this time on: 2026-03-20, or 2026-03-20T18:10:00+05:00.
    #[arg(long, value_name = "TIME", help_heading = "Events")]
    pub from: Option<String>,
    /// Only hits of events before this time.
    #[arg(long, value_name = "TIME", help_heading = "Events")]
    pub to: Option<String>,
    /// Time zone of times without one: an IANA name.
    #[arg(long, default_value = "UTC", help_heading = "Events")]
    pub zone: String,
    #[arg(long, value_enum, default_value_t = ScanFormat::Table, help_heading = "Output")]
    pub format: ScanFormat,
    /// File to write instead of standard output.
    #[arg(long, short, value_name = "FILE", help_heading = "Output")]
    pub output: Option<PathBuf>,
    /// Language that an HTML report opens in: kk, ru, en.
    #[arg(long, default_value = "en", help_heading = "Output")]
    pub lang: String,
    /// No progress and no closing line on standard error.
    #[arg(long, short, help_heading = "Output")]
    pub quiet: bool,
    /// Name what was skipped and why.
    #[arg(long, short, help_heading = "Output")]
    pub verbose: bool,
    /// Threads that read and match. Default: one a core.
    #[arg(long, value_name = "N")]
    pub threads: Option<std::num::NonZeroUsize>,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  saqshy search 'source.ip:10.0.0.0/8 and process.name:powershell* and not user.name:svc_*' --data data/demo
  saqshy search '\"Failed password\"' --data data/demo --from 2026-11-20T00:00:00Z --limit 20")]
pub struct Search {
    pub query: String,
    /// Data folder of a server.
    #[arg(long)]
    pub data: PathBuf,
    #[arg(long)]
    pub from: Option<Timestamp>,
    #[arg(long)]
    pub to: Option<Timestamp>,
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:
  saqshy sql 'select \"host.name\", count(*) n from events group by 1 order by n desc' --data data/demo")]
pub struct Sql {
    pub statement: String,
    #[arg(long)]
    pub data: PathBuf,
    #[arg(long, default_value_t = 1000)]
    pub limit: usize,
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

#[derive(Debug, Subcommand)]
pub enum Rules {
    /// Load every rule; print each that is refused, with file, line and reason. Exit 1 if any is.
    #[command(after_help = "Examples:
  saqshy rules check sigma/rules rules/
  saqshy rules check rules/ --pipeline collector.yml

A pipeline in pySigma's YAML can be for one log source alone:
  transformations:
    - type: field_name_mapping
      mapping: {Image: proc.path, CommandLine: proc.args}
      rule_conditions: [{type: logsource, category: process_creation}]")]
    Check {
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Field mapping to apply over the built-in one (TOML, or YAML of pySigma); may be repeated.
        #[arg(long, value_name = "FILE")]
        pipeline: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// List rules; without a path those inside the program.
    List {
        paths: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Run the samples beside each rule (`NAME.samples.toml`). Exit 1 if one misbehaves.
    #[command(after_help = "Examples:
  saqshy rules test rules/
  saqshy rules test rules/linux --pipeline collector.yml")]
    Test {
        #[arg(required = true)]
        paths: Vec<PathBuf>,
        /// Field mapping to apply over the built-in one (TOML, or YAML of pySigma); may be repeated.
        #[arg(long, value_name = "FILE")]
        pipeline: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Say which parts of a rule hold for an event and which do not. Exit 1 if the rule does not
    /// match.
    #[command(after_help = "Examples:
  saqshy rules explain rules/windows/powershell_encoded.yml event.json
  saqshy search 'event.code:4688' --data data --limit 1 --format ndjson | saqshy rules explain RULE-ID - --rules sigma/rules
  saqshy rules explain rules/linux/sshd_root_password.yml saqshy-1-4711 --data /var/lib/saqshy
  saqshy rules explain proc_creation_win_whoami.yml event.json --pipeline collector.yml")]
    Explain {
        /// Rule file, or id of a rule.
        rule: String,
        /// File with the event (JSON, XML of a Windows event, log lines), `-` for standard input;
        /// with --data the id of a stored event.
        event: String,
        /// Folder or file to look for the rule id in; may be repeated. Without it, the rules inside
        /// the program.
        #[arg(long)]
        rules: Vec<PathBuf>,
        /// Data folder of a stopped server.
        #[arg(long)]
        data: Option<PathBuf>,
        /// Field mapping to apply over the built-in one (TOML, or YAML of pySigma); may be repeated.
        #[arg(long, value_name = "FILE")]
        pipeline: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Write rules as one file that can be carried to a closed network and imported there.
    #[command(after_help = "Example:
  saqshy rules bundle sigma/rules --name sigmahq -o sigmahq.zip")]
    Bundle {
        /// Folder, git checkout or ZIP file with rules.
        path: PathBuf,
        /// File to write.
        #[arg(long, short)]
        output: PathBuf,
        /// Name of the set; that of the folder when left out.
        #[arg(long)]
        name: Option<String>,
        /// Version of the set; the commit of a checkout when left out.
        #[arg(long)]
        set_version: Option<String>,
        /// File with a signing key (PRIVATE+KEY+…) to sign the bundle with.
        #[arg(long)]
        key: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Import rules into the data folder of a stopped server; on a running one use the console.
    #[command(after_help = "Example:
  saqshy rules import sigmahq.zip --data /var/lib/saqshy --mode test")]
    Import {
        /// Folder, git checkout, ZIP file or bundle.
        path: PathBuf,
        /// Data folder of a stopped server.
        #[arg(long)]
        data: PathBuf,
        /// Name of the set; that of the folder or file when left out. A bundle names itself.
        #[arg(long)]
        name: Option<String>,
        #[arg(long)]
        set_version: Option<String>,
        /// Public key (name+hash+base64) of which one must have signed the bundle; may be repeated.
        #[arg(long)]
        trust: Vec<String>,
        /// What its rules do: enabled, test (hits are counted and raise no alert), disabled.
        #[arg(long, default_value = "test")]
        mode: String,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// List the rule sets that were imported into the data folder of a stopped server: version,
    /// origin, signer, SHA-256.
    #[command(after_help = "Example:
  saqshy rules sets --data /var/lib/saqshy")]
    Sets {
        /// Data folder of a stopped server.
        #[arg(long)]
        data: PathBuf,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Show which ATT&CK techniques the rules speak of; without a path those inside the program.
    #[command(after_help = "Example:
  saqshy rules coverage sigma/rules --navigator layer.json")]
    Coverage {
        paths: Vec<PathBuf>,
        /// Also write a layer for the ATT&CK Navigator (format 4.5).
        #[arg(long)]
        navigator: Option<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

#[derive(Debug, Subcommand)]
pub enum Law {
    /// Duties that a trigger starts, with due times and how they were computed.
    #[command(after_help = "Examples:
  saqshy law duties --act kz/o199 --bearer sts --trigger incident.detected=2026-03-20T18:10+05:00
  saqshy law duties --bearer owner --bearer state_body --trigger incident.detected=2026-03-20T18:10+05:00
  saqshy law duties --act kz/o52 --bearer owner --trigger object.operated=2026-03-18T09:00+05:00 --week six
  saqshy law duties --bearer bank --periods --now 2026-11-20T10:00+05:00")]
    Duties {
        /// Id of an act's pack; may be repeated. Default: every act that knows a bearer.
        #[arg(long)]
        act: Vec<String>,
        /// What the organisation is: a party id such as sts, or kz/o199:sts for one act alone; may
        /// be repeated.
        #[arg(long, required = true)]
        bearer: Vec<String>,
        /// FACT=TIME, for example incident.detected=2026-03-20T18:10+05:00; may be repeated.
        #[arg(long, required_unless_present = "periods")]
        trigger: Vec<String>,
        /// Also the duties of every week, month, quarter and year: the period that ended last and
        /// the one that runs.
        #[arg(long)]
        periods: bool,
        /// Moment to judge from. Default: the latest trigger, at most the present.
        #[arg(long)]
        now: Option<String>,
        #[arg(long, default_value = "Asia/Almaty")]
        zone: String,
        #[arg(long, value_enum, default_value_t = WorkingWeek::Five)]
        week: WorkingWeek,
        /// SETTING=VALUE of a pack that the organisation decides on; may be repeated.
        #[arg(long)]
        set: Vec<String>,
        /// Folder with packs of your own, beside those inside the program; may be repeated.
        #[arg(long)]
        packs: Vec<PathBuf>,
        /// Language of the steps: kk, ru, en.
        #[arg(long, default_value = "en")]
        lang: String,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Working days, holidays and moved days of a year.
    Calendar {
        year: i16,
        #[arg(long, value_enum, default_value_t = WorkingWeek::Five)]
        week: WorkingWeek,
        #[arg(long, default_value = "en")]
        lang: String,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Every clause of the packs and what answers it: item of the pack, tests, page of the console.
    Clauses {
        #[arg(long)]
        act: Option<String>,
        #[arg(long, default_value = "en")]
        lang: String,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Check packs and calendars. Exit 1 names file, line, key, fault and remedy.
    #[command(after_help = "Example:\n  saqshy law check packs/ /etc/saqshy/packs/our-rules")]
    Check {
        /// Pack folders, or folders of pack folders. Default: the packs inside the program.
        dir: Vec<PathBuf>,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum WorkingWeek {
    /// Saturday and Sunday are free.
    Five,
    /// Sunday is free.
    Six,
}

#[derive(Debug, Subcommand)]
pub enum Journal {
    /// Recompute the journal and the hashes of every stored file. Exit 1 names what was changed.
    Verify {
        #[arg(long)]
        data: PathBuf,
        #[arg(long, value_enum, default_value_t = Format::Table)]
        format: Format,
    },
    /// Export one leaf with its proof.
    Prove {
        index: u64,
        #[arg(long)]
        data: PathBuf,
        /// File to write.
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Export all leaves with the checkpoint, for `saqshy-verify`.
    Export {
        #[arg(long)]
        data: PathBuf,
        #[arg(long, short)]
        output: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// Add an account; the password is read from standard input.
    Add {
        login: String,
        #[arg(long)]
        data: PathBuf,
        #[arg(long, required = true)]
        role: Vec<String>,
    },
    /// Set a new password, read from standard input.
    Password {
        login: String,
        #[arg(long)]
        data: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Config {
    /// Print the commented sample.
    Sample,
    /// Check a file as `serve` would.
    Check { file: PathBuf },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
