//! The computation of a due time in words, step by step, in three languages.

use crate::calendar::{Calendar, Day, Reason, Week};
use crate::clock::{ClockKind, Flag};
use crate::pack::{Duty, Edition, Pack};
use crate::term::{Due, From, Term, Unit};
use crate::text::{self, Text3};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

pub(crate) struct Steps<'a> {
    pack: &'a Pack,
    duty: &'a Duty,
    edition: &'a Edition,
    zone: TimeZone,
    steps: Vec<Text3>,
}

fn t(kk: &str, ru: &str, en: &str) -> Text3 {
    Text3::new(kk, ru, en)
}

impl<'a> Steps<'a> {
    pub(crate) fn new(
        pack: &'a Pack,
        duty: &'a Duty,
        edition: &'a Edition,
        zone: &TimeZone,
    ) -> Self {
        Steps {
            pack,
            duty,
            edition,
            zone: zone.clone(),
            steps: Vec::new(),
        }
    }

    pub(crate) fn finish(self) -> Vec<Text3> {
        self.steps
    }

    fn say(&mut self, template: Text3, args: &[&Text3]) {
        self.steps.push(template.fill(args));
    }

    fn moment(&self, at: Timestamp) -> Text3 {
        Text3::same(text::moment(at, &self.zone))
    }

    /// The name of a fact; one about a duty is named after the duty.
    fn fact(&self, kind: &str) -> Text3 {
        if let Some(title) = self.pack.facts.get(kind) {
            return title.clone();
        }
        let (base, rest) = kind.split_once(':').unwrap_or((kind, ""));
        let (duty, to) = rest.split_once(':').unwrap_or((rest, ""));
        let what = match base {
            "clock.paused" => t("Тоқтатыла тұрды", "Приостановлено", "Paused"),
            "clock.resumed" => t("Қайта жалғасты", "Возобновлено", "Resumed"),
            "clock.extended" => t("Мерзім ұзартылды", "Срок продлён", "Term extended"),
            "object.excluded" => {
                return t(
                    "Объектіге бұл акт қолданылмайды",
                    "Акт не применяется к объекту",
                    "The act does not apply to the object",
                );
            }
            "notice.sent" => t("Жіберілді", "Отправлено", "Sent"),
            "notice.received" => t(
                "Хабарлама алынды",
                "Уведомление получено",
                "Notice received",
            ),
            "answer.sent" => t("Жауап жіберілді", "Ответ отправлен", "Answer sent"),
            "answer.received" => t("Жауап алынды", "Ответ получен", "Answer received"),
            "report.sent" => t("Мәлімет жіберілді", "Сведения отправлены", "Report sent"),
            _ => return Text3::same(kind),
        };
        let title = match self.pack.duty(duty) {
            Some(d) => d.title.clone(),
            None => Text3::same(duty),
        };
        let to = match to {
            "" => Text3::default(),
            party => self.pack.party_title(party).map(|_, p| format!(" → {p}")),
        };
        t("{0} («{1}»{2})", "{0} («{1}»{2})", "{0} (“{1}”{2})").fill(&[&what, &title, &to])
    }

    pub(crate) fn started(&mut self, kind: &str, at: Timestamp) {
        let (fact, at) = (self.fact(kind), self.moment(at));
        self.say(t("{0}: {1}", "{0}: {1}", "{0}: {1}"), &[&fact, &at]);
    }

    /// The trigger has not happened.
    pub(crate) fn waiting(&mut self, term: &Term, kind: ClockKind, triggers: &[String]) {
        let facts: Vec<Text3> = triggers.iter().map(|k| self.fact(k)).collect();
        let any = Text3::default().map(|lang, _| {
            let names: Vec<&str> = facts.iter().map(|f| f.get(lang)).collect();
            names.join(" / ")
        });
        let amount = text::amount(term.amount, term.unit);
        let template = match kind {
            ClockKind::Before => t(
                "Мерзім әлі белгісіз: {1} бұрын; күтілетін оқиға – {0}",
                "Срок ещё не определён: за {1} до события; ожидается – {0}",
                "Not yet running: {1} before; waits for: {0}",
            ),
            _ => t(
                "Мерзім әлі басталған жоқ: {1}; басталуы – {0}",
                "Срок ещё не течёт: {1}; начало – {0}",
                "Not yet running: {1}; starts with: {0}",
            ),
        };
        self.say(template, &[&any, &amount]);
    }

    /// How much is counted, and from where.
    pub(crate) fn term(&mut self, term: &Term) {
        let amount = text::amount(term.amount, term.unit);
        let start = match (term.backwards, term.from) {
            (true, _) => t("− {0}", "− {0}", "− {0}"),
            (false, From::Moment) => t(
                "+ {0}, осы сәттен бастап",
                "+ {0} с этого момента",
                "+ {0} from that moment",
            ),
            (false, From::Day) => t(
                "+ {0}, келесі күннен бастап",
                "+ {0}, начиная со следующего дня",
                "+ {0}, counted from the next day",
            ),
        };
        self.say(start, &[&amount]);
    }

    /// The calendar that counted and the due time.
    pub(crate) fn ends(&mut self, kind: ClockKind, week: Week, calendar: &Calendar, due: &Due) {
        if !due.years.is_empty() {
            self.calendar(week, calendar, due);
        }
        let at = self.moment(due.at);
        let end = match kind {
            ClockKind::After => t(
                "Осы сәттен бастап әрекет ету керек: {0}",
                "Действовать с этого момента: {0}",
                "To be done from: {0}",
            ),
            _ => t("Мерзімнің соңы: {0}", "Срок истекает: {0}", "Due: {0}"),
        };
        self.say(end, &[&at]);
    }

    fn calendar(&mut self, week: Week, calendar: &Calendar, due: &Due) {
        let editions: Vec<String> = due.years.iter().map(|y| calendar.edition(*y)).collect();
        let (week, editions) = (text::week(week), Text3::same(editions.join(", ")));
        self.say(
            t(
                "Күнтізбе: {1}, {0}",
                "Календарь: {1}, {0}",
                "Calendar: {1}, {0}",
            ),
            &[&week, &editions],
        );
        for (date, day) in due.skipped.iter().take(40) {
            let step = not_counted(*date, day);
            self.steps.push(step);
        }
        if due.provisional {
            self.steps.push(t(
                "Бұл жылдың ресми күнтізбесі жарияланбаған немесе тексерілмеген: мерзім алдын ала есептелді",
                "Официальный календарь этого года не опубликован или не проверен: срок предварительный",
                "The official calendar of this year is not published or was not checked: provisional",
            ));
        }
    }

    /// The clock stood still, or still does.
    pub(crate) fn paused(&mut self, from: Timestamp, to: Option<Timestamp>) {
        let from = self.moment(from);
        match to.map(|to| self.moment(to)) {
            Some(to) => self.say(
                t(
                    "Мерзім тоқтатыла тұрды: {0} – {1}; бұл уақыт есептелмейді",
                    "Течение срока приостановлено: {0} – {1}; это время не считается",
                    "The clock stood still: {0} – {1}; this time does not count",
                ),
                &[&from, &to],
            ),
            None => self.say(
                t(
                    "Мерзім {0} бастап тоқтатыла тұр: аяқталатын сәті қайта жалғасқанда есептеледі",
                    "Течение срока приостановлено с {0}: окончание будет рассчитано после возобновления",
                    "The clock stands still since {0}: the due time is computed when it goes on",
                ),
                &[&from],
            ),
        }
    }

    /// A decision gave more time.
    pub(crate) fn extended(&mut self, kind: &str, at: Timestamp, amount: u32, unit: Unit) {
        let (fact, at, amount) = (self.fact(kind), self.moment(at), text::amount(amount, unit));
        self.say(
            t("{0}: {1}, + {2}", "{0}: {1}, + {2}", "{0}: {1}, + {2}"),
            &[&fact, &at, &amount],
        );
    }

    /// Whose number the term is, where the act names none.
    pub(crate) fn own_term(&mut self, setting: &str, own: bool) {
        let setting = Text3::same(setting);
        let template = match own {
            true => t(
                "Актіде мерзім белгіленбеген: ұйымның ішкі мерзімі ({0})",
                "Акт срока не устанавливает: внутренний срок организации ({0})",
                "The act names no term: the organisation's internal term ({0})",
            ),
            false => t(
                "Актіде мерзім белгіленбеген: ұсынылатын ішкі мерзім ({0})",
                "Акт срока не устанавливает: предлагаемый внутренний срок ({0})",
                "The act names no term: proposed internal term ({0})",
            ),
        };
        self.say(template, &[&setting]);
    }

    /// How often a duty of every period was done, and how often it has to be.
    pub(crate) fn times(&mut self, done: usize, times: u32) {
        let (done, times) = (
            Text3::same(done.to_string()),
            Text3::same(times.to_string()),
        );
        self.say(
            t(
                "Кезеңде орындалғаны: {1} реттен {0}",
                "Выполнено за период: {0} из {1}",
                "Done in the period: {0} of {1}",
            ),
            &[&done, &times],
        );
    }

    /// The last performance and that the next has to follow within a period of it.
    pub(crate) fn rolling(&mut self, last: Timestamp, unit: Unit, amount: u32) {
        let (last, amount) = (self.moment(last), text::amount(amount, unit));
        self.say(
            t(
                "Алдыңғысы: {0}; екеуінің арасы {1} аспайды",
                "Предыдущее исполнение: {0}; между двумя не более {1}",
                "Done before: {0}; no more than {1} between two",
            ),
            &[&last, &amount],
        );
    }

    pub(crate) fn target(&mut self, other: &Duty, at: Timestamp) {
        let (at, title) = (self.moment(at), other.title.clone());
        self.say(
            t(
                "Бағдар: {0}, өйткені одан кейін «{1}» міндеті туындайды",
                "Ориентир: {0}, так как затем наступает обязанность «{1}»",
                "Aim at: {0}, because “{1}” falls due then",
            ),
            &[&at, &title],
        );
    }

    pub(crate) fn done(&mut self, kind: &str, at: Timestamp, late: bool) {
        let (fact, at) = (self.fact(kind), self.moment(at));
        let template = match late {
            false => t(
                "{0}: {1} – мерзімінде",
                "{0}: {1} – в срок",
                "{0}: {1} – in time",
            ),
            true => t(
                "{0}: {1} – кешігіп",
                "{0}: {1} – с опозданием",
                "{0}: {1} – late",
            ),
        };
        self.say(template, &[&fact, &at]);
    }

    pub(crate) fn fell_away(&mut self, kind: &str, at: Timestamp) {
        let (fact, at) = (self.fact(kind), self.moment(at));
        self.say(
            t(
                "{0}: {1} – міндет туындамайды",
                "{0}: {1} – обязанность не наступает",
                "{0}: {1} – the duty falls away",
            ),
            &[&fact, &at],
        );
    }

    pub(crate) fn too_late_to_fall_away(&mut self, kind: &str, at: Timestamp) {
        let (fact, at) = (self.fact(kind), self.moment(at));
        self.say(
            t(
                "{0}: {1} – мерзім өткеннен кейін, міндет сақталады",
                "{0}: {1} – после наступления срока, обязанность остаётся",
                "{0}: {1} – after the time had passed, the duty remains",
            ),
            &[&fact, &at],
        );
    }

    pub(crate) fn fired(&mut self, due: Timestamp) {
        let at = self.moment(due);
        self.say(
            t(
                "Мерзім {0} өтті: дереу әрекет ету керек",
                "Срок прошёл {0}: действовать немедленно",
                "The time passed at {0}: act at once",
            ),
            &[&at],
        );
    }

    /// Clause, edition, readings, and what is not known of the act on `day`.
    pub(crate) fn basis(&mut self, edition: &Edition, day: Date) {
        debug_assert_eq!(edition.id, self.edition.id);
        let clause = Text3::same(&self.duty.clause);
        let (citation, title) = (self.duty.citation.clone(), edition.title.clone());
        self.say(
            t(
                "Негіз: {0} ({1}); редакциясы – {2}",
                "Основание: {0} ({1}); редакция – {2}",
                "Basis: {0} ({1}); edition: {2}",
            ),
            &[&citation, &clause, &title],
        );
        for id in &self.duty.readings {
            if let Some(reading) = self.pack.readings.iter().find(|r| r.id == *id) {
                let (id, text) = (Text3::same(id), reading.text.clone());
                self.say(
                    t(
                        "Түсіндіру {0}: {1}",
                        "Толкование {0}: {1}",
                        "Reading {0}: {1}",
                    ),
                    &[&id, &text],
                );
            }
        }
        let pack = self.pack;
        for amendment in pack.amendments_by(day) {
            self.say(
                t(
                    "Енгізілмеген өзгеріс белгілі: {0}",
                    "Известно изменение, которое не внесено: {0}",
                    "A later amendment is known and not worked in: {0}",
                ),
                &[&amendment.title],
            );
        }
        if day > self.pack.known_until {
            let until = Text3::same(text::day(self.pack.known_until));
            self.say(
                t(
                    "Актінің мәтіні {0} күнгі жағдай бойынша белгілі; кейінгі өзгерістерді ресми тізілімнен тексеріңіз",
                    "Текст акта известен по состоянию на {0}; последующие изменения проверьте в официальном реестре",
                    "The act's text is known as of {0}; check the official register for later changes",
                ),
                &[&until],
            );
        }
    }

    pub(crate) fn flag(&mut self, flag: Flag) {
        self.steps.push(match flag {
            Flag::TriggerInFuture => t(
                "Назар аударыңыз: басталу сәті болашақта көрсетілген",
                "Внимание: начало указано в будущем",
                "Attention: the start is dated in the future",
            ),
            Flag::DetectedBeforeOccurred => t(
                "Назар аударыңыз: анықталған уақыт туындаған уақыттан бұрын",
                "Внимание: время обнаружения раньше времени возникновения",
                "Attention: detected before it occurred",
            ),
            Flag::DoneBeforeTrigger => t(
                "Назар аударыңыз: басталу сәтінен бұрын орындалған",
                "Внимание: исполнено раньше начала срока",
                "Attention: done before the term began",
            ),
            Flag::SentTooEarly => t(
                "Назар аударыңыз: мерзім өтпей тұрып жіберілгені есепке алынбайды",
                "Внимание: отправленное до истечения срока не засчитывается",
                "Attention: what was sent before the time had passed does not count",
            ),
            Flag::NoEdition => t(
                "Назар аударыңыз: бұл күнге қолданыстағы редакция белгісіз, ең ескісі алынды",
                "Внимание: действующая на эту дату редакция неизвестна, взята самая ранняя",
                "Attention: no edition is known for this date, the oldest is used",
            ),
            Flag::OutOfRange => t(
                "Назар аударыңыз: мерзімді есептеу мүмкін емес",
                "Внимание: срок не поддаётся расчёту",
                "Attention: the term cannot be counted",
            ),
            Flag::UnknownZone => t(
                "Назар аударыңыз: уақыт белдеуі белгісіз, UTC алынды",
                "Внимание: часовой пояс неизвестен, взят UTC",
                "Attention: the time zone is unknown, UTC is used",
            ),
            Flag::ExtensionIgnored => t(
                "Назар аударыңыз: мерзім өткеннен кейін шешілген немесе түсініксіз ұзарту есепке алынбайды",
                "Внимание: продление, решённое после истечения срока или нечитаемое, не учитывается",
                "Attention: an extension decided after the term had ended, or unreadable, does not count",
            ),
            Flag::SettingUnreadable => t(
                "Назар аударыңыз: ұйымның баптауы сан емес, ұсынылатын мән алынды",
                "Внимание: настройка организации не является числом, взято предлагаемое значение",
                "Attention: the organisation's setting is no number, the proposed one is used",
            ),
            // Said in their place among the steps.
            Flag::Paused | Flag::CalendarNotPublished | Flag::AmendmentNotWorkedIn => return,
        });
    }

    /// The opening steps of a periodic duty.
    pub(crate) fn period(&mut self, period: &str, first: Date, last: Date) {
        let args = [period.to_owned(), text::day(first), text::day(last)].map(Text3::same);
        self.say(
            t(
                "Кезең {0}: {1} – {2}",
                "Период {0}: {1} – {2}",
                "Period {0}: {1} – {2}",
            ),
            &[&args[0], &args[1], &args[2]],
        );
    }

    /// Whose number the due day is.
    pub(crate) fn due_day_setting(&mut self, setting: &str, own: bool) {
        let setting = Text3::same(setting);
        let template = match own {
            true => t(
                "Актіде күні көрсетілмеген: ұйымның баптауы ({0})",
                "В акте день не указан: настройка организации ({0})",
                "The act names no day: the organisation's setting ({0})",
            ),
            false => t(
                "Актіде күні көрсетілмеген: ұсынылатын мән ({0})",
                "В акте день не указан: предлагаемое значение ({0})",
                "The act names no day: proposed value ({0})",
            ),
        };
        self.say(template, &[&setting]);
    }
}

/// Why a day did not count.
fn not_counted(date: Date, day: &Day) -> Text3 {
    let on = Text3::same(text::day(date));
    match &day.reason {
        Reason::Holiday { title } | Reason::Religious { title } => t(
            "{0} есептелмейді: {1}",
            "{0} не считается: {1}",
            "{0} does not count: {1}",
        )
        .fill(&[&on, title]),
        Reason::InLieu { title, of } => {
            let of = Text3::same(text::day(*of));
            t(
                "{0} есептелмейді: {2} демалыс күніне түскен «{1}» үшін",
                "{0} не считается: за «{1}», совпавший с выходным {2}",
                "{0} does not count: in lieu of {1} that fell on a day of rest ({2})",
            )
            .fill(&[&on, title, &of])
        }
        Reason::MovedRest { of } => {
            let of = Text3::same(text::day(*of));
            t(
                "{0} есептелмейді: демалыс күні {1} күнінен ауыстырылды",
                "{0} не считается: день отдыха перенесён с {1}",
                "{0} does not count: the day of rest was moved from {1}",
            )
            .fill(&[&on, &of])
        }
        Reason::WeeklyRest | Reason::Working | Reason::WorkedInstead { .. } => t(
            "{0} есептелмейді: демалыс күні",
            "{0} не считается: выходной",
            "{0} does not count: day of rest",
        )
        .fill(&[&on]),
    }
}
