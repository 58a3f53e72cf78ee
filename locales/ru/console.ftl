## Общее

app-name = Сақшы
app-tagline = События, инциденты и сроки по закону в одном месте
skip-to-content = Перейти к содержанию
loading = Загрузка…
never = никогда
none = нет
all = Все
save = Сохранить
cancel = Отмена
close = Закрыть
create = Создать
edit = Изменить
open = Открыть
copy = Копировать
copied = Скопировано
more = Показать ещё
details = Подробнее
optional = необязательно
actions = Действия
error-title = Не получилось
error-code = Код: { $code }
error-not-found = По этому адресу ничего нет
error-network = Сервер не отвечает. Проверьте соединение и повторите.
error-read-more = Что означает эта ошибка
duration-days-hours = { $days } д { $hours } ч
duration-hours-minutes = { $hours } ч { NUMBER($minutes, minimumIntegerDigits: 2) } мин
duration-minutes-seconds = { $minutes } мин { NUMBER($seconds, minimumIntegerDigits: 2) } с
duration-seconds = { $seconds } с
ago-now = только что
ago-minutes = { $count } мин назад
ago-hours = { $count } ч назад
ago-days = { $count ->
    [one] { $count } день назад
    [few] { $count } дня назад
   *[other] { $count } дней назад
  }

## Рамка

nav-main = Главное меню
nav-overview = Обзор
nav-search = Поиск
nav-alerts = Оповещения
nav-incidents = Инциденты
nav-sources = Источники
nav-rules = Правила
nav-journal = Журнал
nav-law = Законодательство
nav-users = Пользователи
nav-group-watch = Мониторинг
nav-group-respond = Реагирование
nav-group-prove = Доказательства
nav-group-manage = Управление
nav-collapse = Сузить меню
nav-expand = Расширить меню
language = Язык
theme = Оформление
theme-system = Как в системе
theme-light = Светлое
theme-dark = Тёмное
account = Учётная запись
account-roles = Роли
sign-out = Выйти
change-password = Сменить пароль
password-old = Текущий пароль
password-new = Новый пароль
password-repeat = Новый пароль ещё раз
password-hint = Не менее 12 символов.
password-mismatch = Новые пароли не совпадают.
password-changed = Пароль изменён
time-zone-note = Всё время указано в поясе { $zone } ({ $offset })
shortcuts = Сочетания клавиш
shortcuts-search = Перейти к строке поиска
shortcuts-go = Перейти: { $page }
shortcuts-help = Этот список
shortcuts-close = Закрыть открытое окно
shortcuts-run = Выполнить запрос
shortcuts-then = затем

## Вход

sign-in-title = Вход в систему
sign-in-login = Логин
sign-in-password = Пароль
sign-in-submit = Войти
sign-in-busy = Выполняется вход…
sign-in-ended = Сеанс завершён. Войдите снова, чтобы продолжить.
sign-in-closed-network = Работает в закрытой сети. Данные не покидают вашу организацию.

## Уровни и состояния

level = Уровень
level-critical = Критический
level-high = Высокий
level-medium = Средний
level-low = Низкий
level-informational = Информационный
alert-state-new = Новое
alert-state-acknowledged = Принято
alert-state-in_progress = В работе
alert-state-closed = Закрыто
verdict = Заключение
verdict-true_positive = Подтверждено
verdict-false_positive = Ложное срабатывание
verdict-benign = Безопасное действие
verdict-none = Без заключения
incident-state-open = Открыт
incident-state-investigating = Расследуется
incident-state-contained = Локализован
incident-state-eliminated = Устранён
incident-state-closed = Закрыт
clock-status-not_started = Не начался
clock-status-running = Идёт срок
clock-status-met = Выполнено в срок
clock-status-met_late = Выполнено с опозданием
clock-status-overdue = Срок пропущен
clock-status-fired = Пора сообщить выше
clock-status-not_needed = Не требуется
notice-state-draft = Проект
notice-state-approved = Утверждено
notice-state-sent = Отправлено
notice-state-delivered = Доставлено
notice-state-acknowledged = Получение подтверждено
notice-state-failed = Не доставлено

## Обзор

overview-title = Обзор
overview-events = Поступило событий
overview-rate = Поступление событий по времени
overview-rate-summary = С { $from } по { $to }: всего { $total }, в самом насыщенном интервале { $peak }.
overview-alerts = Оповещения по уровням
overview-alerts-none = За это время оповещений нет
overview-incidents-open = Открытые инциденты
overview-incidents-all = К инцидентам
overview-clocks = Ближайшие сроки
overview-clocks-none = Текущих сроков нет
overview-clocks-none-hint = Срок начинается с регистрации инцидента.
overview-sources = Передающие источники
overview-sources-silent = Молчат: { $count }
overview-sources-all-well = Все источники передают
overview-journal = Записи журнала
overview-journal-checkpoint = Подписано: { $ago }
overview-journal-no-checkpoint = Ещё не подписано

## Интервал времени

range = Интервал времени
range-relative = От текущего момента
range-absolute = По дате и времени
range-15m = Последние 15 минут
range-1h = Последний час
range-4h = Последние 4 часа
range-24h = Последние 24 часа
range-2d = Последние 2 дня
range-7d = Последние 7 дней
range-30d = Последние 30 дней
range-90d = Последние 90 дней
range-1y = Последний год
range-from = С
range-to = По
range-apply = Применить
range-invalid = Начало интервала должно быть раньше конца.
range-zone = Время в поясе { $zone }

## Поиск

search-title = Поиск
search-tab-events = События
search-tab-sql = SQL
search-query = Запрос
search-placeholder = Например: source.ip:10.0.0.0/8 and process.name:powershell*
search-run = Найти
search-cancel = Остановить
search-running = Идёт поиск…
search-progress = Просмотрено файлов: { $done } из { $total }, прочитано строк: { $rows }
search-cancelled = Остановлено. Показано найденное до этого момента.
search-matched = { $count ->
    [one] { $count } событие
    [few] { $count } события
   *[other] { $count } событий
  }
search-elapsed = за { $ms } мс
search-truncated = Показаны самые новые: { $shown } из { $count }. Чтобы увидеть остальные, сузьте интервал или запрос либо выгрузите их.
search-truncated-oldest = Показаны самые старые: { $shown } из { $count }. Чтобы увидеть остальные, сузьте интервал или запрос либо выгрузите их.
search-none = Подходящих событий нет
search-none-hint = Расширьте интервал времени или смягчите запрос.
search-widen = Показать последние 30 дней
search-error-at = Ошибка в запросе, символ { $column }
search-error = Ошибка в запросе
search-syntax = Синтаксис
search-syntax-title = Синтаксис запроса
search-syntax-text = слова в любом месте события
search-syntax-phrase = точная фраза
search-syntax-field = поле с таким значением
search-syntax-wildcard = подстановочный знак
search-syntax-cidr = сеть
search-syntax-range = интервал чисел или времени
search-syntax-exists = поле заполнено
search-syntax-regex = регулярное выражение
search-syntax-bool = и (and), или (or), не (not), скобки
search-histogram = Распределение событий по времени
search-histogram-hint = Выделите участок мышью, чтобы приблизить.
search-histogram-step = Один столбец: { $step }
search-fields = Поля
search-fields-filter = Найти поле
search-fields-selected = Столбцы
search-fields-available = Доступные поля
search-fields-none = Полей нет
search-field-top = Самые частые значения в событиях ({ $count })
search-field-toggle = Столбец { $field }
search-field-expand = Значения { $field }
search-filter-in = Только { $field }: { $value }
search-filter-out = Без { $field }: { $value }
search-filter-exists = Только события с полем { $field }
search-results = Результаты
search-column-time = Время
search-column-remove = Убрать столбец { $field }
search-order-newest = Сначала новые
search-order-oldest = Сначала старые
search-export = Выгрузка
search-export-csv = CSV
search-export-ndjson = NDJSON
search-export-note = Выгружается всё найденное, а не только показанное. Выгрузка записывается в журнал.
search-permalink = Копировать ссылку
search-permalink-copied = Ссылка скопирована
search-event = Событие
search-event-fields = Поля
search-event-raw = Как поступило
search-event-json = JSON
search-event-open = Открыть событие
search-event-previous = Предыдущее событие
search-event-next = Следующее событие
search-event-filter = Найти поле или значение
search-event-untrusted = Время в событии отсутствует или неправдоподобно, поэтому взято время поступления.

## SQL

sql-title = SQL
sql-query = Текст запроса
sql-hint = Один запрос только на чтение к таблице «events». Столбцы — названия полей в двойных кавычках.
sql-run = Выполнить
sql-limit = Строк не более
sql-result = { $rows ->
    [one] { $rows } строка
    [few] { $rows } строки
   *[other] { $rows } строк
  } за { $ms } мс
sql-truncated = Строк больше, чем показано.
sql-empty = В результате нет строк
sql-start = Выполните запрос, чтобы увидеть результат

## Оповещения

alerts-title = Оповещения
alerts-filter-state = Состояние
alerts-filter-text = Правило, хост, пользователь, адрес
alerts-none = Здесь нет оповещений
alerts-none-hint = Оповещение появляется, когда событие подходит под правило.
alerts-select = Выбрать оповещение «{ $title }»
alerts-select-all = Выбрать все показанные
alerts-selected = { $count ->
    [one] Выбрано { $count } оповещение
    [few] Выбрано { $count } оповещения
   *[other] Выбрано { $count } оповещений
  }
alerts-clear-selection = Снять выбор
alerts-create-incident = Создать инцидент
alerts-acknowledge = Принять
alerts-close-as = Закрыть с заключением
alerts-done-bulk = { $count ->
    [one] Изменено { $count } оповещение
    [few] Изменено { $count } оповещения
   *[other] Изменено { $count } оповещений
  }
alert-rule = Правило
alert-entity = Объект
alert-first = Начало
alert-last = Последнее
alert-hits = Срабатывания
alert-state = Состояние
alert-assignee = Ответственный
alert-unassigned = Не назначен
alert-incident = Инцидент
alert-tags = Метки
alert-triage = Первичный анализ
alert-triage-comment = Комментарий
alert-triage-comment-hint = Что проверено и что из этого следует
alert-triage-saved = Первичный анализ сохранён
alert-triage-stale = Тем временем оповещение изменил кто-то другой. Теперь показано новое состояние: проверьте и сохраните снова.
alert-time = Время
alert-host = Хост
alert-user = Пользователь
alert-source-ip = Адрес источника
alert-dataset = Вид журнала
alert-comments = Комментарии
alert-comments-none = Комментариев пока нет
alert-show-events = Показать в поиске
alert-to-incident = Открыть инцидент
entity-kind-host = хост
entity-kind-user = пользователь
entity-kind-source_ip = адрес

## Инциденты

incidents-title = Инциденты
incidents-none = Здесь нет инцидентов
incidents-none-hint = Выберите оповещения и создайте из них инцидент или зарегистрируйте его вручную.
incidents-new = Зарегистрировать инцидент
incident-new-title = Регистрация инцидента
incident-number = №
incident-name = Что произошло
incident-severity = Критичность
incident-category = Категория
incident-category-hint = Из таблицы вашей организации
incident-object = Затронутый объект
incident-object-hint = Информационная система, сервер или сервис
incident-assignee = Ответственный
incident-detected = Обнаружен
incident-detected-hint = С этого момента отсчитываются сроки по закону
incident-occurred = Произошёл
incident-closed-at = Закрыт
incident-alerts-linked = { $count ->
    [one] Будет приложено { $count } оповещение
    [few] Будут приложены { $count } оповещения
   *[other] Будет приложено { $count } оповещений
  }
incident-created-done = Инцидент { $number } зарегистрирован
incident-next-clock = Ближайший срок
incident-alerts-count = Оповещения
incident-state-steps = Этапы инцидента
incident-state-to = Перевести в состояние «{ $state }»
incident-state-reason = Обоснование
incident-state-reason-hint = Записывается в журнал, изменить потом нельзя
incident-state-changed = Состояние изменено
incident-edit = Изменить инцидент
incident-saved = Изменения сохранены
incident-timeline = Хронология
incident-alerts = Оповещения
incident-tasks = Задачи
incident-notices = Уведомления
incident-proofs = Доказательства
incident-clocks = Сроки по закону
incident-clocks-none = К этому инциденту не относится ни одна обязанность по закону
incident-comment = Комментарий
incident-comment-add = Добавить комментарий
incident-comment-added = Комментарий добавлен
incident-task-new = Новая задача
incident-task-due = Срок
incident-task-add = Добавить задачу
incident-task-added = Задача добавлена
incident-task-done = Отметить выполненной: { $title }
incident-tasks-none = Задач пока нет
incident-timeline-none = Пока ничего не произошло
incident-proofs-none = Записей в журнале пока нет
incident-proofs-hint = Каждое изменение инцидента — запись журнала. Пакет доказательства покажет постороннему без нашего сервера, что запись не изменена.
incident-proof-index = Запись
incident-proof-action = Изменение
incident-proof-hash = Хеш записи
incident-proof-sealed = Закрепление
incident-proof-sealed-yes = Под подписанной контрольной точкой
incident-proof-sealed-no = Ждёт следующей контрольной точки
incident-proof-download = Скачать пакет доказательства
incident-attach-done = Оповещения приложены
incident-alerts-attach = Приложить к инциденту

## Сроки

clock-due = Срок
clock-due-within = Не позднее
clock-due-after = Не раньше
clock-left = осталось { $time }
clock-overdue-by = просрочено на { $time }
clock-fires-in = через { $time }
clock-stopped = Выполнено { $time }
clock-started = Отсчёт с { $time }
clock-no-start = Начнётся, когда наступит условие
clock-own = Наша обязанность
clock-owed = Обязанность перед нами
clock-owed-hint = Это должна сделать другая организация, мы следим за сроком.
clock-steps = Как рассчитан
clock-clause = Пункт
clock-act = Акт
clock-edition = Редакция
clock-calendar-edition = Календарь
clock-provisional = Предварительно: календарь этого года ещё не опубликован
clock-addressees = Кому
clock-write-notice = Написать уведомление
clock-record-answer = Записать ответ

## Уведомления

notice-new = Новое уведомление
notice-duty = Обязанность
notice-addressee = Кому
notice-text = Текст
notice-text-hint = Если пусто, программа опишет инцидент сама.
notice-create = Составить проект
notice-drafted = Проект составлен
notice-approve = Утвердить
notice-approved = Уведомление утверждено
notice-approve-hint = Сначала прочтите документ. После утверждения изменить его нельзя, его хеш записывается в журнал.
notice-send = Отправить
notice-send-hint = Уведомление сразу уйдёт на адрес { $address }.
notice-sent = Уведомление отправлено
notice-preview = Просмотреть документ
notice-download = Скачать PDF
notice-none = Уведомлений пока нет
notice-approved-by = Утвердил
notice-hash = SHA-256 документа
notice-record-receipt = Записать получение на бумаге
notice-record-answer = Записать полученный ответ
notice-fact-at = Когда
notice-fact-note = Откуда известно
notice-fact-note-hint = Номер письма, кто звонил, кто принял
notice-fact-saved = Записано
notice-steps = Путь уведомления

## Источники

sources-title = Источники
sources-ledger = Учёт потерь
sources-ledger-hint = Всё поступившее либо сохранено, либо ждёт обработки, либо учтено как потерянное.
sources-name = Источник
sources-kind = Вид
sources-kind-token = по токену
sources-kind-peer = по адресу
sources-received = Поступило
sources-stored = Сохранено
sources-pending = В очереди
sources-dropped = Потеряно
sources-unparsed = Не распознано
sources-last-seen = Последний раз
sources-state = Состояние
sources-enabled = Включён
sources-disabled = Выключен
sources-silent = Молчит
sources-active = Передаёт
sources-none = Источников пока нет
sources-none-hint = Создайте источник и направьте на него программу доставки журналов.
sources-new = Создать источник
sources-new-name = Название
sources-new-name-hint = Например: хост или система, откуда идут журналы
sources-token = Токен
sources-token-once = Скопируйте токен сейчас: он показывается один раз. Сервер хранит только его хеш.
sources-created = Источник создан
sources-rotate = Новый токен
sources-rotate-confirm = Старый токен сразу перестанет действовать. Выдать источнику «{ $name }» новый?
sources-enable = Включить
sources-disable = Выключить
sources-changed = Источник изменён
sources-connect = Как передавать
sources-connect-hint = Вместо TOKEN подставьте токен, вместо SERVER — имя этого сервера.
sources-drop-reasons = Причины потерь
sources-spool = Буфер
sources-spool-usage = Занято { $used } из { $max }
sources-totals = Всего
sources-balance-ok = Учёт сходится: учтена каждая запись
sources-balance-off = Не учтено записей: { $count }

## Журнал

journal-title = Журнал
journal-index = Запись
journal-time = Время
journal-actor = Кто
journal-action = Что
journal-object = Объект
journal-change = Изменение
journal-reason = Обоснование
journal-hash = Хеш
journal-none = Журнал пуст
journal-checkpoint = Подписанная контрольная точка
journal-checkpoint-hint = Храните копию в другом месте: с ней любой сможет показать, что до неё ничего не изменено.
journal-verify = Проверить
journal-verifying = Проверка…
journal-verify-ok = Журнал не изменён, { $size ->
    [one] проверена { $size } запись
    [few] проверены { $size } записи
   *[other] проверено { $size } записей
  }.
journal-verify-bad = Журнал изменён. { $count ->
    [one] { $count } находка
    [few] { $count } находки
   *[other] { $count } находок
  }:
journal-verify-size = Проверено записей: { $size }.
journal-export = Выгрузить всё
journal-export-hint = Пакет, который saqshy-verify проверит без сети и сервера.
journal-older = Более старые записи
journal-newest = К самым новым
journal-proof = Пакет доказательства записи { $index }

## Правила

rules-title = Правила
rules-filter = Название, автор, идентификатор
rules-count = { $shown } из { $count }
rules-name = Правило
rules-status = Статус
rules-logsource = Источник журнала
rules-author = Автор
rules-hits = Срабатывания
rules-last-hit = Последнее
rules-state = Состояние
rules-reason = Обоснование
rules-reason-hint = Записывается в журнал
rules-changed = Правило изменено
rules-none = Подходящих правил нет
rules-refused = Не загружены
rules-refused-hint = Эти файлы не удалось ввести в действие.
rules-refused-file = Файл
rules-refused-line = Строка
rules-refused-reason = Причина
rule-description = Описание
rule-references = Ссылки
rule-falsepositives = Известные ложные срабатывания
rule-license = Лицензия
rule-source = Текст правила
rule-id = Идентификатор
rule-alerts = Его оповещения
rules-tab-list = Правила
rules-tab-attack = ATT&CK
rules-tab-sets = Наборы
rules-tab-exceptions = Исключения
rules-tab-backtests = Проверка на прошлом
rules-tab-refused = Не загружены
rules-set = Набор
rules-tag = Метка
rules-quiet = Срабатывания без оповещения
rules-cost = Доля времени
rules-cost-of = Доля времени: каждое правило измерено отдельно на последних { $events } событиях, { $time }.
rules-cost-none = Доля времени ещё не измерена.
rules-measure = Измерить сейчас
rules-measured = Измерено
rules-refused-none = Все правила загружены
rules-warnings = Предупреждения
rules-warnings-hint = Эти правила действуют, но их стоит просмотреть.
rule-mode-enabled = Включено
rule-mode-test = На испытании
rule-mode-disabled = Выключено
rule-mode-test-hint = Срабатывания правила на испытании считаются, но оповещений не создают.
rule-to-enabled = Включить
rule-to-test = На испытание
rule-to-disabled = Выключить
rule-kind-correlation = Корреляция
rule-over = По правилам
rule-since = Действует в этом виде с
rule-decision = Решение
rule-samples = Образцы
rule-samples-none = Рядом с этим правилом нет файла образцов.
rule-intervals = Охваченное время
rule-intervals-hint = В эти промежутки правило просматривало события; между ними — пробел.
rule-intervals-none = Это правило ещё не просматривало событий
rule-interval-from = Начало
rule-interval-to = Конец
rule-interval-now = по настоящее время
rule-interval-text = Хеш текста
quiet-why = Причина
quiet-test = на испытании
quiet-hidden = скрыто исключением
quiet-hint = Срабатывания на испытании и скрытые исключениями; сначала последние.
explain-title = Почему сработало или нет
explain-hint = Для одного сохранённого события
explain-event = Идентификатор события (event.id)
explain-ask = Объяснить
explain-held = выполнено
explain-failed = не выполнено
explain-matches = Правило срабатывает на это событие.
explain-matches-not = Правило на это событие не срабатывает.
explain-part = Часть правила
explain-verdict = Итог
explain-found = Значение в событии
explain-absent = отсутствует
explain-met = совпало
explain-keywords = ключевые слова
explain-line = строка { $line }
exceptions-title = Исключения
exceptions-none = Исключений нет
exceptions-none-hint = Когда оповещение признано ложным, на его странице можно предложить исключение.
exception-propose = Предложить исключение
exception-proposed = Исключение предложено; его должен одобрить второй человек
exception-hint = Исключение скрывает только срабатывания, для которых выполнено всё названное. Чем больше полей выбрано, тем оно уже. Пока второй человек не одобрит, ничего не скрывается.
exception-names = Условия
exception-owner = Ответственный
exception-people = Предложил, решил
exception-expires = Действует до
exception-hidden = Скрыто
exception-days = На сколько дней
exception-decide = Действия
exception-decided = Решение записано
exception-approve = Одобрить
exception-refuse = Отклонить
exception-withdraw = Отозвать
exception-state-proposed = Предложено
exception-state-active = Действует
exception-state-refused = Отклонено
exception-state-withdrawn = Отозвано
exception-state-expired = Истекло
exception-simulate = Примерить
exception-simulated = Было бы скрыто { $hidden } из { $hits } срабатываний за { $days } дн.
rulesets-title = Наборы правил
ruleset-import = Импортировать набор
ruleset-imported = «{ $name }»: введено правил — { $rules }, не загружено файлов — { $refused }.
ruleset-file = Файл ZIP
ruleset-file-hint = Архив с правилами Sigma или набор, созданный командой saqshy rules bundle
ruleset-name = Название
ruleset-version = Версия
ruleset-mode = Состояние правил
ruleset-origin = Откуда
ruleset-hash = Хеш
ruleset-signed = Подписал
ruleset-when = Импортирован
ruleset-remove = Убрать
ruleset-changed = Набор изменён
ruleset-kind-own = Внутри программы
ruleset-kind-folder = Папка
ruleset-kind-zip = Файл ZIP
ruleset-kind-git = Репозиторий git
attack-title = Матрица ATT&CK
attack-count = Техник: { $techniques }, правил: { $rules } · ATT&CK { $version }
attack-hint = Матрица показывает, о каких техниках говорят правила; это не значит, что все они будут обнаружены.
attack-navigator = Слой для Navigator
attack-none = Правил нет
backtests-title = Проверка правил на прошлых событиях
backtests-none = Проверок ещё не было
backtests-none-hint = Результаты хранятся до остановки сервера.
backtest-rule = Проверить на прошлом
backtest-new = Новая проверка
backtest-rule-id = Идентификатор правила
backtest-days = За сколько последних дней
backtest-yaml = или текст правила (YAML)
backtest-start = Начать
backtest-pasted = Вставленный текст
backtest-cancelled = Проверка остановлена
backtest-progress = Ход
backtest-truncated = В один из моментов событий слишком много, часть не прочитана.
backtest-found = Срабатываний: { $hits }, оповещений: { $alerts }; прочитано { $read } из { $total } событий.
backtest-day = День
backtest-share = Доля
backtest-examples = Примеры
backtest-state-running = Идёт
backtest-state-done = Завершена
backtest-state-cancelled = Остановлена
backtest-state-failed = Не удалась

## Законодательство

law-title = Законодательство
law-edition-from = действует с { $date }
law-known-until = Редакции известны до { $date }
law-duties-count = { $count ->
    [one] { $count } обязанность
    [few] { $count } обязанности
   *[other] { $count } обязанностей
  }
law-duty = Обязанность
law-clause = Пункт
law-bearer = Кто исполняет
law-whose = Относится
law-own = к нам
law-watched = к другим
law-only-own = Только наши
law-calendar = Производственный календарь
law-calendar-hint = Год считается предварительным, пока не опубликован перенос выходных дней.
law-year-final = опубликован
law-year-provisional = предварительный
law-none = Акты не загружены
law-bearers = Правовая роль организации
law-amendments = Известные, но не внесённые изменения
law-clauses = Нормы и чем они исполняются: { $count }
law-clause-text = Содержание
law-served = Вид исполнения
law-served-by = Чем исполняется
law-served-as-duty = обязанность со сроком
law-served-as-periodic = каждый период
law-served-as-record = запись
law-served-as-check = проверка
law-served-as-access = доступ
law-served-as-scope = сфера действия
law-served-as-outside = вне программы

## Пользователи

users-title = Пользователи
users-tab-users = Пользователи
users-tab-roles = Роли
users-new = Создать пользователя
users-login = Логин
users-name = Имя
users-roles = Роли
users-language = Язык
users-state = Состояние
users-enabled = Активен
users-disabled = Заблокирован
users-last-sign-in = Последний вход
users-password = Пароль
users-password-new = Новый пароль
users-password-keep = Если пусто, пароль не меняется. Новый пароль завершает сеансы пользователя.
users-created = Пользователь создан
users-saved = Пользователь изменён
users-you = вы
users-edit = Изменить: { $name }
users-permission = Разрешение
users-role-has = { $role }: разрешено
users-role-has-not = { $role }: не разрешено

## Действия

actor-system = Программа
action-incident-created = Инцидент зарегистрирован
action-incident-detected = Инцидент обнаружен
action-incident-occurred = Инцидент произошёл
action-incident-updated = Данные инцидента изменены
action-incident-state = Состояние изменено
action-incident-commented = Комментарий
action-incident-eliminated = Причины и последствия устранены
action-alert-opened = Появилось оповещение
action-alert-attached = Оповещение приложено
action-alert-triaged = Первичный анализ оповещения
action-task-added = Задача добавлена
action-task-changed = Задача изменена
action-notice-drafted = Составлен проект уведомления
action-notice-edited = Проект уведомления изменён
action-notice-document = Создан документ уведомления
action-notice-approved = Уведомление утверждено
action-notice-queued = Уведомление поставлено на отправку
action-notice-attempted = Попытка отправить уведомление
action-notice-sent = Уведомление отправлено
action-notice-delivered = Уведомление доставлено
action-notice-bounced = Уведомление не доставлено
action-notice-received = Адресат получил уведомление
action-notice-acknowledged = Получение подтверждено
action-answer-received = Получен ответ
action-answer-sent = Ответ отправлен
action-fact-recorded = Факт записан
action-fact-withdrawn = Факт отозван
action-clock-computed = Срок рассчитан
action-source-created = Источник создан
action-source-changed = Источник изменён
action-rule-enabled = Правило включено
action-rule-disabled = Правило выключено
action-user-created = Пользователь создан
action-session-refused = Во входе отказано
action-incident-reopened = Инцидент открыт снова
action-session-begun = Вход в систему
action-session-ended = Выход из системы
action-user-changed = Пользователь изменён
action-lake-file_added = Файл событий сохранён
action-lake-file_replaced = Файлы событий объединены
action-spool-gap = Разрыв в буфере
action-journal-export = Журнал выгружен

## Стороны актов

party-state_body = государственный орган
party-authorised_person = уполномоченное лицо
party-sts = АО «ГТС»
party-coordinator = координатор информационной безопасности
party-nsc = КНБ РК
party-authorised_body = уполномоченный орган
