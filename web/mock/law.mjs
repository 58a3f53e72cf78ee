const t3 = (kk, ru, en) => ({ kk, ru, en });

export const addressees = {
  state_body: t3('мемлекеттік орган немесе ол уәкілеттік берген тұлға', 'государственный орган или уполномоченное им лицо', 'the state body or the person it authorised'),
  nsc: t3('ҚР Ұлттық қауіпсіздік комитеті', 'Комитет национальной безопасности РК', 'National Security Committee'),
  authorised_body: t3('уәкілетті орган', 'уполномоченный орган', 'the authorised body'),
  sts: t3('«МТҚ» АҚ', 'АО «ГТС»', 'State Technical Service JSC')
};

export const duties = [
  {
    id: 'o199.notify-state-body', clause: 'O199-10-3-7a', own: true, bearer: 'sts', to: ['state_body'], kind: 'within', minutes: 30,
    title: t3('Мемлекеттік органды хабардар ету', 'Уведомить государственный орган', 'Notify the state body'),
    term: t3('30 минут ішінде', 'в течение 30 минут', 'within 30 minutes')
  },
  {
    id: 'o199.notify-nsc', clause: 'O199-10-3-7b', own: true, bearer: 'sts', to: ['nsc'], kind: 'within', minutes: 180,
    title: t3('ҚР ҰҚК-ні хабардар ету', 'Уведомить КНБ РК', 'Notify the National Security Committee'),
    term: t3('3 сағат ішінде', 'в течение 3 часов', 'within 3 hours')
  },
  {
    id: 'o199.state-body-answer', clause: 'O199-12-5', own: false, bearer: 'state_body', to: ['sts'], kind: 'within', minutes: 2880,
    title: t3('Мемлекеттік органның қабылданған шаралар туралы жауабы', 'Ответ государственного органа о принятых мерах', 'Answer of the state body on the measures taken'),
    term: t3('хабарлама алынғаннан кейін 48 сағат ішінде', 'в течение 48 часов с получения уведомления', 'within 48 hours of receiving the notice')
  },
  {
    id: 'o199.escalate', clause: 'O199-10-3-11', own: true, bearer: 'sts', to: ['authorised_body', 'nsc'], kind: 'after', minutes: 2880,
    title: t3('Себептері мен салдары жойылмағаны туралы хабарлау', 'Сообщить о неустранении причин и последствий', 'Notify of causes and consequences not eliminated'),
    term: t3('48 сағат өткен соң', 'по истечении 48 часов', 'after 48 hours have passed')
  }
];

export const packs = {
  packs: [
    {
      id: 'kz/o199', known_until: '2026-12-31', known_until_note: t3('Кейінгі өзгерістер тексерілген жоқ', 'Более поздние изменения не проверялись', 'Later amendments were not checked'),
      amendments: [{
        id: 'digital-code', signed: '2026-01-09', title: t3('Цифрлық кодекс', 'Цифровой кодекс', 'Digital Code'),
        note: t3('Терминдерді өзгертеді', 'Меняет термины', 'Changes terms')
      }],
      clauses: [
        {
          id: 'O199-10-3-7a', served: 'duty', built: true, items: ['duty:o199.notify-state-body'], page: '/incidents',
          title: t3('30 минут ішінде хабардар ету', 'Уведомить в течение 30 минут', 'Notify within 30 minutes')
        },
        {
          id: 'O199-12-4', served: 'outside', built: false, items: [], title: t3('Операциялық жүйелерді жаңарту', 'Обновлять операционные системы', 'Update operating systems'),
          reason: t3('Әкімшілер орындайды', 'Выполняют администраторы', 'Done by administrators')
        }
      ],
      title: t3(
        'Мемлекеттік органдардың ақпараттандыру объектілерінің ақпараттық қауіпсіздік оқиғаларына мониторинг жүргізу қағидалары',
        'Правила проведения мониторинга событий информационной безопасности объектов информатизации государственных органов',
        'Rules for monitoring information security events of state bodies’ informatization objects'
      ),
      editions: [{ id: '2019-08-16', from: '2019-09-01' }, { id: '2022-10-27', from: '2022-11-14' }],
      duties: duties.map(({ id, clause, title, bearer, own }) => ({ id, clause, title, bearer, own })),
      registers: [{
        id: 'o199.objects', title: t3('Мониторинг объектілерінің тізбесі', 'Перечень объектов мониторинга', 'List of monitored objects'), review: [], restricted: false, prescribed: true,
        fields: [{ title: t3('Объект', 'Объект', 'Object'), required: true }, { title: t3('Иесі', 'Владелец', 'Owner'), required: false }]
      }],
      checklists: [{
        id: 'o199.object-ready', title: t3('Объектінің дайындығы', 'Готовность объекта', 'Readiness of the object'),
        items: [{ title: t3('Журналдар жинақталады', 'Журналы собираются', 'Logs are collected'), required: true }]
      }]
    },
    {
      id: 'kz/r90', known_until: '2026-12-31', known_until_note: t3('Тексерілді', 'Проверено', 'Checked'), amendments: [], clauses: [], registers: [], checklists: [],
      title: t3(
        'Банктердің ақпараттық қауіпсіздігін қамтамасыз етуге қойылатын талаптар',
        'Требования к обеспечению информационной безопасности банков',
        'Requirements for the information security of banks'
      ),
      editions: [{ id: '2025-01-01', from: '2025-01-01' }],
      duties: [
        { id: 'r90.notify-regulator', clause: 'R90-21', bearer: 'bank', own: false, title: t3('Реттеушіні хабардар ету', 'Уведомить регулятора', 'Notify the regulator') }
      ]
    }
  ],
  calendar: { years: [{ year: 2024, provisional: false }, { year: 2025, provisional: false }, { year: 2026, provisional: false }, { year: 2027, provisional: true }] }
};

/** Clocks of one incident from its facts, in the shape of the API. */
export function clocksOf(incident, now) {
  return duties.map((duty) => {
    const startFact = duty.id === 'o199.state-body-answer' ? incident.facts['notice.received:o199.notify-state-body'] : incident.detected_at;
    const stopped = incident.facts[duty.id === 'o199.state-body-answer' ? `answer.received:${duty.id}` : duty.kind === 'after' ? 'incident.eliminated' : `notice.sent:${duty.id}`];
    const due = startFact && new Date(Date.parse(startFact) + duty.minutes * 60_000).toISOString();
    const late = due && Date.parse(due) < (stopped ? Date.parse(stopped) : now);
    const status = !startFact ? 'not_started' : stopped ? (duty.kind === 'after' ? 'not_needed' : late ? 'met_late' : 'met')
      : late ? (duty.kind === 'after' ? 'fired' : 'overdue') : 'running';
    const at = (text) => (text ? new Intl.DateTimeFormat('ru-KZ', { dateStyle: 'short', timeStyle: 'medium', timeZone: 'Asia/Almaty' }).format(new Date(text)) : '');
    return {
      id: duty.id, duty: duty.id, clause: duty.clause, act: 'kz/o199', own: duty.own, bearer: duty.bearer,
      addressees: duty.to.map((a) => addressees[a]), addressee_ids: duty.to, title: duty.title, kind: duty.kind,
      started: startFact, due, status, stopped: stopped ?? undefined,
      steps: startFact ? [
        t3(`Басталу сәті: ${at(startFact)}, Asia/Almaty.`, `Начало: ${at(startFact)}, Asia/Almaty.`, `Start: ${at(startFact)}, Asia/Almaty.`),
        t3(`Мерзім: ${duty.term.kk}; үзіліссіз есептеледі.`, `Срок: ${duty.term.ru}; считается без перерыва.`, `Term: ${duty.term.en}, counted without a break.`),
        t3(`Нәтижесі: ${at(due)}.`, `Итог: ${at(due)}.`, `Result: ${at(due)}.`)
      ] : [],
      edition: '2022-10-27', calendar_edition: '2026-1', provisional: false
    };
  });
}

const at = (days) => new Date(Date.now() + days * 86_400_000).toISOString();

/** Returning duties and what was done; the stand-in remembers records until it stops. */
export const lawWork = {
  periodic: [
    { duty: 'o199.quarterly-data', clause: 'O199-14', act: 'kz/o199', own: true, period: '2026-Q1', status: 'running', due: at(6), stopped: null, edition: 'kz/o199@399-nk', provisional: false, steps: [t3('Тоқсан аяқталғаннан кейін', 'После окончания квартала', 'After the quarter has ended')], title: t3('Тоқсандық деректерді жолдау', 'Направить квартальные данные', 'Send the quarterly data') },
    { duty: 'r90.review-events', clause: 'R90-4-10', act: 'kz/r90', own: true, period: '2026', status: 'met', due: at(200), stopped: at(-9), edition: 'kz/r90@86-2023', provisional: true, steps: [], title: t3('Оқиғалар тізбесін қайта қарау', 'Пересмотреть перечень событий', 'Review the event list') }
  ],
  done: [{ id: 'done-1', item: 'duty:r90.review-events', period: '2026', done_at: at(-9), note: 'Хаттама № 4', saved_at: at(-9), saved_by: 'analyst', withdrawn_at: null, withdrawn_by: null, withdrawn_why: null }]
};

const settle = (item, period, status, stopped) => {
  const row = lawWork.periodic.find((one) => `duty:${one.duty}` === item && one.period === period);
  if (row) Object.assign(row, { status, stopped });
};

export function record({ item, period = '', at: when, note }) {
  const now = new Date().toISOString();
  const done = { id: `done-${lawWork.done.length + 1}`, item, period, done_at: when ?? now, note, saved_at: now, saved_by: 'analyst', withdrawn_at: null, withdrawn_by: null, withdrawn_why: null };
  lawWork.done.unshift(done);
  settle(item, period, 'met', done.done_at);
  return done;
}

export function withdraw(id, reason) {
  const done = lawWork.done.find((one) => one.id === id);
  Object.assign(done, { withdrawn_at: new Date().toISOString(), withdrawn_by: 'analyst', withdrawn_why: reason });
  settle(done.item, done.period, 'running', null);
  return done;
}
