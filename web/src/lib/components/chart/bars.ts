import uPlot from 'uplot';
import type { TimeCount } from '$lib/api/types';
import type { Language } from '$lib/i18n/fluent';
import { formatTime } from '$lib/format/time';

export interface Bars {
  buckets: TimeCount[];
  from: string;
  to: string;
  height: number;
  zone: string;
  language: Language;
  theme: 'light' | 'dark';
  count: (value: number) => string;
  onzoom?: ((from: Date, to: Date) => void) | undefined;
  onhover: (index: number | null) => void;
}

/** Draws bars over time into `node`; a drag across them asks for that part of the time. */
export function drawBars(node: HTMLElement, o: Bars): uPlot {
  const style = getComputedStyle(node);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis = {
    stroke: colour('--text-3'),
    grid: { stroke: colour('--border'), width: 1 },
    ticks: { show: false },
    font: `11px ${style.fontFamily}`
  };
  const plot = new uPlot(
    {
      width: Math.max(node.clientWidth, 50),
      height: o.height,
      padding: [8, 22, 0, 0],
      legend: { show: false },
      cursor: { drag: { x: o.onzoom !== undefined, y: false, setScale: false }, y: false, points: { show: false } },
      scales: {
        x: { time: true, range: [Date.parse(o.from) / 1000, Date.parse(o.to) / 1000] },
        y: { range: (_, _min, max) => [0, Math.max(max * 1.08, 1)] }
      },
      axes: [
        { ...axis, space: 90, grid: { show: false }, size: 26, values: (_, ticks) => ticks.map((tick, i) => axisLabel(ticks, i, tick, o)) },
        { ...axis, space: 28, size: 52, values: (_, ticks) => ticks.map((tick) => (Number.isInteger(tick) ? o.count(tick) : '')) }
      ],
      series: [
        {},
        {
          fill: colour('--chart'),
          stroke: colour('--chart'),
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars!({ size: [0.86, 40], align: 1 })
        }
      ],
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), o.zone),
      hooks: {
        setCursor: [(u) => o.onhover(u.cursor.idx ?? null)],
        setSelect: [(u) => zoom(u, o)]
      }
    },
    [o.buckets.map((b) => Date.parse(b.time) / 1000), o.buckets.map((b) => b.count)],
    node
  );
  return plot;
}

function zoom(u: uPlot, o: Bars): void {
  if (!o.onzoom || u.select.width < 4) return;
  const at = (px: number) => new Date(Math.round(u.posToVal(px, 'x')) * 1000);
  o.onzoom(at(u.select.left), at(u.select.left + u.select.width));
}

/** The clock time, with the day where a new day begins or first appears. */
function axisLabel(ticks: number[], index: number, tick: number, o: Bars): string {
  const day = (seconds: number) => formatTime(seconds * 1000, 'axis', o.language, o.zone);
  const clock = formatTime(tick * 1000, 'clock', o.language, o.zone);
  const before = ticks[index - 1];
  const step = (ticks[1] ?? tick) - (ticks[0] ?? tick);
  if (step >= 86_400) return day(tick);
  return before !== undefined && day(before) === day(tick) ? clock : `${day(tick)} ${clock}`;
}
