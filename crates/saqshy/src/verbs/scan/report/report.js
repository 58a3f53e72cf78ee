'use strict';
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const data = read('data'), texts = read('texts'), summary = read('summary');
  const LEVELS = ['critical', 'high', 'medium', 'low', 'informational'];
  const PAGE = 100, LIST = 12, BARS = 120;
  const [T, RULE, FILE, HOST, USER, PLACE, CODE, DETAIL] = [0, 1, 2, 3, 4, 5, 6, 7];
  let lang = document.documentElement.lang, page = 0, opened = -1, words = '';
  const chosen = { level: null, tactic: null, host: null, rule: null, span: null };
  let shown = [];

  const text = (key, fill) => {
    const found = (texts[lang] || {})[key] || key;
    return found.replace(/\{(\w+)\}/g, (all, name) => fill && name in fill ? String(fill[name]) : all);
  };
  const node = (name, properties, ...children) => {
    const made = document.createElement(name);
    Object.assign(made, properties);
    made.append(...children.filter((child) => child !== null));
    return made;
  };
  const shape = (name, attributes) => {
    const made = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const number = (value) => value.toLocaleString(lang);
  const time = (at) => new Date(at).toISOString().replace('T', ' ').replace('Z', '');
  const rule = (hit) => data.rules[hit[RULE]];

  const WAYS = {
    level: (hit) => [rule(hit).level],
    tactic: (hit) => rule(hit).tactics,
    host: (hit) => [hit[HOST]],
    rule: (hit) => [hit[RULE]],
  };
  const LABEL = {
    level: (key) => text(key),
    tactic: (key) => { const name = 'tactic-' + key; const found = text(name); return found === name ? key : found; },
    host: (key) => data.hosts[key] || text('unknown'),
    rule: (key) => data.rules[key].title,
  };
  const fits = (hit, without) => {
    for (const way of Object.keys(WAYS)) {
      if (way !== without && chosen[way] !== null && !WAYS[way](hit).includes(chosen[way])) return false;
    }
    if (without !== 'span' && chosen.span && (hit[T] < chosen.span[0] || hit[T] >= chosen.span[1])) return false;
    if (!words) return true;
    const r = rule(hit);
    return [r.title, r.id, data.hosts[hit[HOST]], data.users[hit[USER]], data.files[hit[FILE]], hit[CODE], hit[DETAIL]]
      .some((value) => value && String(value).toLowerCase().includes(words));
  };
  const choose = (way, key) => { chosen[way] = chosen[way] === key ? null : key; page = 0; opened = -1; draw(); };

  const list = (way) => {
    const counts = new Map();
    for (const hit of data.hits) {
      if (fits(hit, way)) for (const key of WAYS[way](hit)) counts.set(key, (counts.get(key) || 0) + 1);
    }
    let rows = [...counts];
    rows.sort(way === 'level' ? (a, b) => LEVELS.indexOf(a[0]) - LEVELS.indexOf(b[0]) : (a, b) => b[1] - a[1]);
    const most = Math.max(1, ...rows.map((row) => row[1]));
    const rest = rows.length - LIST;
    if (rest > 0) rows = rows.slice(0, LIST);
    const box = document.getElementById('by-' + way);
    box.replaceChildren(node('h2', { textContent: text(way) }));
    for (const [key, count] of rows) {
      const bar = shape('svg', { viewBox: '0 0 100 1', preserveAspectRatio: 'none', 'aria-hidden': 'true' });
      bar.append(shape('rect', { width: 100 * count / most, height: 1, class: way === 'level' ? key : 'bar' }));
      const label = LABEL[way](key);
      const button = node('button', { type: 'button', title: label, onclick: () => choose(way, key) },
        node('span', { className: 'name' }, node('span', { textContent: label }), node('span', { textContent: number(count) })), bar);
      button.setAttribute('aria-pressed', String(chosen[way] === key));
      box.append(button);
    }
    if (rest > 0) box.append(node('p', { textContent: text('more', { count: number(rest) }) }));
  };

  const timeline = () => {
    const hits = data.hits.filter((hit) => fits(hit, 'span'));
    const box = document.getElementById('timeline');
    box.replaceChildren();
    document.getElementById('title-timeline').textContent = text('timeline');
    const ends = document.getElementById('ends');
    ends.replaceChildren();
    if (!hits.length) return;
    let first = Infinity, last = -Infinity;
    for (const hit of hits) { if (hit[T] < first) first = hit[T]; if (hit[T] > last) last = hit[T]; }
    const width = Math.max(1, Math.ceil((last - first + 1) / BARS));
    const bars = Array.from({ length: BARS }, () => ({ all: 0 }));
    for (const hit of hits) {
      const bar = bars[Math.min(BARS - 1, Math.floor((hit[T] - first) / width))];
      const level = rule(hit).level;
      bar[level] = (bar[level] || 0) + 1;
      bar.all += 1;
    }
    const most = Math.max(1, ...bars.map((bar) => bar.all));
    bars.forEach((bar, at) => {
      const from = first + at * width;
      let top = 100;
      for (const level of [...LEVELS].reverse()) {
        if (!bar[level]) continue;
        const height = 96 * bar[level] / most;
        top -= height;
        const rect = shape('rect', { x: at, y: top, width: 0.86, height, class: level });
        rect.append(shape('title', {}));
        rect.firstChild.textContent = `${time(from)}: ${number(bar.all)}`;
        rect.addEventListener('click', () => { chosen.span = chosen.span ? null : [from, from + width]; page = 0; draw(); });
        box.append(rect);
      }
    });
    ends.append(node('span', { textContent: time(first) }), node('span', { textContent: time(last) }));
  };

  const details = (hit) => {
    const r = rule(hit), file = data.files[hit[FILE]];
    const rows = [
      ['rule', r.title], ['', r.description], ['', r.id], ['author', r.author || text('unknown')], ['license', r.license || text('unknown')],
      ['tags', r.tags.join(' ')], ['file', file], [data.numbered[hit[FILE]] ? 'record' : 'offset', hit[PLACE]],
      ['code', hit[CODE]], ['host', data.hosts[hit[HOST]]], ['user', data.users[hit[USER]]], ['detail', hit[DETAIL]],
    ];
    const dl = node('dl', {});
    for (const [key, value] of rows) {
      if (value === null || value === undefined || value === '') continue;
      dl.append(node('dt', { textContent: key ? text(key) : '' }), node('dd', { textContent: String(value) }));
    }
    const cell = node('td', { colSpan: 7 }, dl);
    return node('tr', { className: 'more' }, cell);
  };
  const table = () => {
    shown = data.hits.filter((hit) => fits(hit, ''));
    const pages = Math.max(1, Math.ceil(shown.length / PAGE));
    page = Math.min(page, pages - 1);
    const head = document.getElementById('head');
    head.replaceChildren(...['time', 'level', 'rule', 'host', 'user', 'code', 'detail']
      .map((key) => node('th', { scope: 'col', textContent: text(key) })));
    const body = document.getElementById('rows');
    body.replaceChildren();
    shown.slice(page * PAGE, (page + 1) * PAGE).forEach((hit, index) => {
      const r = rule(hit), at = page * PAGE + index;
      const open = () => { opened = opened === at ? -1 : at; table(); };
      const row = node('tr', { className: 'hit', tabIndex: 0, onclick: open, onkeydown: (event) => { if (event.key === 'Enter') open(); } },
        node('td', { className: 'time', textContent: time(hit[T]) }),
        node('td', {}, node('span', { className: 'tag-' + r.level, textContent: text(r.level) })),
        node('td', { textContent: r.title }), node('td', { textContent: data.hosts[hit[HOST]] || '' }),
        node('td', { textContent: data.users[hit[USER]] || '' }), node('td', { textContent: hit[CODE] || '' }),
        node('td', { className: 'detail', textContent: hit[DETAIL] || '' }));
      row.setAttribute('aria-expanded', String(opened === at));
      body.append(row);
      if (opened === at) body.append(details(hit));
    });
    document.getElementById('shown').textContent = shown.length
      ? text('shown', { shown: number(shown.length), all: number(data.hits.length) }) : text('none');
    document.getElementById('page').textContent = text('page', { page: number(page + 1), pages: number(pages) });
    const [back, on] = [document.getElementById('previous'), document.getElementById('next')];
    back.textContent = text('previous'); on.textContent = text('next');
    back.disabled = page === 0; on.disabled = page >= pages - 1;
  };
  const frame = () => {
    document.documentElement.lang = lang;
    document.title = text('title');
    document.getElementById('title').textContent = text('title');
    document.getElementById('subtitle').textContent = text('subtitle');
    document.getElementById('summary-line').textContent = text('summary', {
      hits: number(summary.hits), events: number(summary.events), files: number(summary.files), rules: number(summary.rules_loaded) });
    document.getElementById('broken').textContent = summary.files_broken ? text('broken', { count: number(summary.files_broken) }) : '';
    document.getElementById('interrupted').textContent = summary.interrupted ? text('interrupted') : '';
    document.getElementById('words').placeholder = text('search');
    document.getElementById('words').setAttribute('aria-label', text('search'));
    document.getElementById('language').setAttribute('aria-label', text('language'));
    const clear = document.getElementById('clear');
    clear.textContent = text('clear');
    document.getElementById('theme').textContent = text('theme');
  };
  const draw = () => {
    frame(); timeline(); Object.keys(WAYS).forEach(list); table();
    document.getElementById('clear').disabled = !words && Object.values(chosen).every((value) => value === null);
  };
  document.getElementById('language').value = lang;
  document.getElementById('language').onchange = (event) => { lang = event.target.value; draw(); };
  document.getElementById('theme').onclick = () => {
    const root = document.documentElement.classList;
    const dark = root.contains('dark') || (!root.contains('light') && matchMedia('(prefers-color-scheme: dark)').matches);
    root.toggle('dark', !dark); root.toggle('light', dark);
  };
  let typing = 0;
  document.getElementById('words').oninput = (event) => {
    clearTimeout(typing);
    typing = setTimeout(() => { words = event.target.value.trim().toLowerCase(); page = 0; draw(); }, 200);
  };
  document.getElementById('clear').onclick = () => {
    for (const way of Object.keys(chosen)) chosen[way] = null;
    words = ''; document.getElementById('words').value = ''; page = 0; opened = -1; draw();
  };
  document.getElementById('previous').onclick = () => { page -= 1; opened = -1; table(); };
  document.getElementById('next').onclick = () => { page += 1; opened = -1; table(); };
  draw();
})();
