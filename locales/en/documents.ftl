# Texts of documents and messages.

notice-title-incident = Notice of an information security incident
notice-title-event = Notice of an information security event
notice-title-escalation = Notice that the causes and consequences of an information security incident have not been eliminated
notice-opening-incident = We notify you that the information security incident described below has been detected.
notice-opening-event = We notify you that the information security event described below has been detected.
notice-opening-escalation = We notify you that 48 hours have passed since the information security incident described below was detected and that its causes and consequences have not been eliminated.

letter-number = Ref. No.
letter-page = page { $page } of { $pages }
date-long = { $day } { $month } { $year }
month-1 = January
month-2 = February
month-3 = March
month-4 = April
month-5 = May
month-6 = June
month-7 = July
month-8 = August
month-9 = September
month-10 = October
month-11 = November
month-12 = December

label-incident = Incident number
label-name = Title
label-detected = Moment of detection
label-occurred = Time of occurrence
label-object = Informatization object
label-category = Category
label-severity = Severity
label-sources = Addresses of the source of the attack
label-description = Description
label-recommendations = Initial recommendations for halting the spread
label-added = Further information
label-clause = Basis
label-edition = Edition of the act
label-due = Latest time of notice
label-expected = What is expected of you
value-absent = not established

severity-critical = critical
severity-high = high
severity-medium = medium
severity-low = low

ack-ask = Please confirm that you have received this notice through the link:
ack-starts = The terms set by law are counted from the moment the notice is received.

mail-greeting = To: { $addressee }
mail-body-incident = { $organisation } notifies you that an information security incident has been detected: { $title }. Moment of detection: { $detected }. The full notice is in the attached document.
mail-body-event = { $organisation } notifies you that an information security event has been detected: { $title }. Moment of detection: { $detected }. The full notice is in the attached document.
mail-body-escalation = { $organisation } notifies you that the causes and consequences of an information security incident have not been eliminated: { $title }. Moment of detection: { $detected }. The full notice is in the attached document.
mail-closing = This message was sent automatically. Contact: { $contact }
