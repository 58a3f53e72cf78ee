//! The calendar of Kazakhstan against what was officially published.

mod common;
use common::{calendar, folder, root};
use jiff::civil::{Date, date};
use jiff::tz::TimeZoneDatabase;
use saqshy_law::{Calendar, Reason, Week};

fn per_month(year: i16, week: Week) -> Vec<u32> {
    let c = calendar();
    (1..=12)
        .map(|m| {
            let first = date(year, m, 1);
            c.working_days(first, first.last_of_month(), week)
        })
        .collect()
}

/// Balance of working time for 2024 of the Ministry of Labour, with two known differences: on a
/// five-day week in May the Saturday moved to 8 May changes nothing in the count, and in June the
/// balance had Kurban Ait on a working day while the day announced was a Sunday.
#[test]
fn the_official_balance_of_2024() {
    assert_eq!(
        per_month(2024, Week::Five),
        [21, 21, 17, 22, 20, 20, 22, 21, 21, 22, 21, 21]
    );
    assert_eq!(
        per_month(2024, Week::Six),
        [25, 25, 22, 26, 24, 25, 26, 26, 25, 26, 26, 25]
    );
}

/// January 2025 as the Ministry described it: 11 free days on five days a week, 7 on six.
#[test]
fn new_year_2025_with_the_sunday_that_was_worked() {
    let c = calendar();
    for week in [Week::Five, Week::Six] {
        assert!(!c.is_working_day(date(2025, 1, 3), week));
        assert!(c.is_working_day(date(2025, 1, 5), week));
        assert!(!c.is_working_day(date(2025, 1, 7), week));
    }
    assert_eq!(31 - per_month(2025, Week::Five)[0], 11);
    assert_eq!(31 - per_month(2025, Week::Six)[0], 7);
    assert_eq!(
        c.day(date(2025, 1, 5), Week::Five).reason,
        Reason::WorkedInstead {
            of: date(2025, 1, 3)
        }
    );
    // 31 December + 1 working day is Sunday 5 January: 1-4 January are free.
    assert_eq!(
        c.next_working_day(date(2024, 12, 31), Week::Five),
        date(2025, 1, 5)
    );
}

#[test]
fn the_free_days_in_lieu_of_2025_and_2026() {
    let c = calendar();
    let free = |d: Date, week| !c.is_working_day(d, week);
    for d in [
        date(2025, 3, 10),  // 8 March, Saturday
        date(2025, 3, 24),  // 22 March, Saturday
        date(2025, 3, 25),  // 23 March, Sunday
        date(2025, 6, 6),   // Kurban Ait
        date(2025, 7, 7),   // 6 July, Sunday
        date(2025, 9, 1),   // 30 August, Saturday
        date(2025, 10, 27), // 25 October, Saturday
        date(2026, 3, 9),   // 8 March, Sunday
        date(2026, 3, 24),  // 21 March, Saturday
        date(2026, 3, 25),  // 22 March, Sunday
        date(2026, 5, 11),  // 9 May, Saturday
        date(2026, 5, 27),  // Kurban Ait
        date(2026, 10, 26), // 25 October, Sunday
    ] {
        assert!(free(d, Week::Five), "{d}");
    }
    // On six days a week only a Sunday gives a free day in lieu.
    assert!(free(date(2026, 3, 24), Week::Six));
    assert!(!free(date(2026, 3, 25), Week::Six));
    assert!(!free(date(2026, 5, 11), Week::Six));
    assert!(!free(date(2025, 9, 1), Week::Six));
    // The religious days do not move: 7 January 2024 was a Sunday, 16 June 2024 too.
    assert!(!free(date(2024, 1, 8), Week::Five));
    assert!(!free(date(2024, 6, 17), Week::Five));
}

/// Nauryz 2026 as it was announced: five free days in a row on a five-day week, 21 to 25 March;
/// four on a six-day week.
#[test]
fn nauryz_2026() {
    let c = calendar();
    let friday = date(2026, 3, 20);
    assert_eq!(c.next_working_day(friday, Week::Five), date(2026, 3, 26));
    assert_eq!(c.next_working_day(friday, Week::Six), date(2026, 3, 25));
    assert_eq!(c.add_working_days(friday, 3, Week::Five), date(2026, 3, 30));
    assert_eq!(
        c.add_working_days(date(2026, 3, 26), -1, Week::Five),
        friday
    );
    assert_eq!(
        c.day(date(2026, 3, 25), Week::Five).reason,
        Reason::InLieu {
            title: saqshy_law::Text3::same("Наурыз мейрамы").map(|l, t| match l {
                saqshy_law::Lang::En => "Nauryz".into(),
                _ => t.into(),
            }),
            of: date(2026, 3, 22)
        }
    );
}

#[test]
fn constitution_day_moved_with_the_constitution() {
    let c = calendar();
    assert!(!c.is_working_day(date(2025, 9, 1), Week::Five));
    assert!(c.is_working_day(date(2026, 8, 31), Week::Five));
    assert!(c.is_working_day(date(2026, 3, 16), Week::Five));
    assert!(!c.is_working_day(date(2027, 3, 15), Week::Five));
    assert!(!c.day(date(2027, 3, 15), Week::Five).confirmed);
}

#[test]
fn a_moved_saturday_means_nothing_on_six_days_a_week() {
    let c = calendar();
    assert!(c.is_working_day(date(2024, 5, 4), Week::Five));
    assert!(!c.is_working_day(date(2024, 5, 8), Week::Five));
    assert!(c.is_working_day(date(2024, 5, 8), Week::Six));
}

#[test]
fn holidays_have_the_dates_of_their_edition() {
    let c = calendar();
    assert!(!c.is_working_day(date(2021, 12, 17), Week::Five)); // a Friday, second day until 2022
    assert!(c.is_working_day(date(2024, 12, 17), Week::Five));
    assert!(!c.is_working_day(date(2021, 12, 1), Week::Five));
    assert!(c.is_working_day(date(2022, 12, 1), Week::Five));
    assert!(c.is_working_day(date(2021, 10, 25), Week::Five));
    assert!(!c.is_working_day(date(2022, 10, 25), Week::Five));
}

#[test]
fn years_without_an_official_calendar_say_so() {
    let c = calendar();
    let known: Vec<_> = c.years().map(|y| y.year).collect();
    assert_eq!(known, (2016..=2030).collect::<Vec<_>>());
    let settled = c.years().filter(|y| !y.provisional).map(|y| y.year);
    assert_eq!(
        settled.collect::<Vec<_>>(),
        [2018, 2020, 2023, 2024, 2025, 2026]
    );
    assert!(c.is_provisional(2031));
    assert_eq!(c.edition(2026), "kz/2026.2");
    assert_eq!(c.edition(2031), "kz/2031.0");
    assert!(!c.day(date(2031, 5, 5), Week::Five).confirmed);
}

/// What the press and the e-government portal announced in their time.
#[test]
fn the_free_days_of_2016_to_2023() {
    let c = calendar();
    let works = |d: Date| c.is_working_day(d, Week::Five);
    // 7 May 2016 was a Saturday before Victory Day on Monday: free in lieu on Tuesday.
    assert!(works(date(2016, 3, 5)) && !works(date(2016, 3, 7)) && !works(date(2016, 5, 10)));
    assert!(works(date(2018, 12, 29)) && !works(date(2018, 12, 31)) && !works(date(2018, 12, 18)));
    assert!(!works(date(2019, 3, 25)) && !works(date(2019, 7, 8)) && !works(date(2019, 12, 2)));
    // The day in lieu of 9 May 2020 was itself moved to the Friday before.
    assert!(!works(date(2020, 5, 8)) && works(date(2020, 5, 11)));
    assert!(works(date(2020, 1, 5)) && works(date(2020, 12, 20)) && !works(date(2020, 12, 18)));
    assert!(!works(date(2021, 3, 24)));
    assert!(works(date(2022, 3, 5)) && !works(date(2022, 3, 7)) && !works(date(2022, 8, 29)));
    assert!(works(date(2023, 7, 1)) && !works(date(2023, 7, 7)) && !works(date(2023, 6, 28)));
    assert!(c.is_working_day(date(2023, 7, 7), Week::Six));
    // Six days a week: no day in lieu of a Saturday, so none to move.
    assert!(c.is_working_day(date(2020, 5, 8), Week::Six));
    assert!(c.is_working_day(date(2020, 5, 11), Week::Six));
}

#[test]
fn faults_of_calendar_files_have_a_place() {
    let good = folder(&root().join("packs/calendar-kz"));
    let broken = |file: &str, from: &str, to: &str| {
        let mut files = good.clone();
        let text = files[file].replacen(from, to, 1);
        files.insert(file.into(), text);
        Calendar::parse(&files).unwrap_err()
    };
    let e = broken("2026.toml", "year = 2026", "year = 2025");
    assert_eq!((e.file.as_str(), e.line), ("2026.toml", 7));
    let e = broken(
        "2025.toml",
        "date = \"2025-06-06\"",
        "date = \"2026-06-06\"",
    );
    assert!(e.what.contains("not in 2025"), "{e}");
    let e = broken("calendar.toml", "\"01-01\"", "\"13-01\"");
    assert!(e.what.contains("13-01") && e.line > 20, "{e}");
    let e = broken(
        "calendar.toml",
        "in_lieu = true\nconfirmed",
        "in_leiu = true\nconfirmed",
    );
    assert!(e.what.contains("unknown field"), "{e}");
    let e = broken("2024.toml", "kk = ", "kz = ");
    assert!(e.line > 0, "{e}");
}

/// The bundled database knows that Almaty went from +06 to +05 on 1 March 2024.
#[test]
fn almaty_changed_its_offset() {
    let zone = TimeZoneDatabase::bundled().get("Asia/Almaty").unwrap();
    let offset = |t: &str| zone.to_offset(t.parse().unwrap()).seconds() / 3600;
    assert_eq!(offset("2024-02-29T17:59:59Z"), 6);
    assert_eq!(offset("2024-02-29T18:00:00Z"), 5);
    assert_eq!(offset("2026-03-20T00:00:00Z"), 5);
}
