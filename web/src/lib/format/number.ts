import { intlLocale, type Language } from '$lib/i18n/fluent';

export function formatNumber(value: number, language: Language): string {
  return new Intl.NumberFormat(intlLocale[language]).format(value);
}

const shortUnits: Record<Language, [number, string][]> = {
  kk: [[1e9, ' млрд'], [1e6, ' млн'], [1e3, ' мың']],
  ru: [[1e9, ' млрд'], [1e6, ' млн'], [1e3, ' тыс.']],
  en: [[1e9, 'B'], [1e6, 'M'], [1e3, 'K']]
};

/** Short form for tight places: exact below 100 000, beyond that 1.2M. */
export function formatCompact(value: number, language: Language): string {
  const unit = Math.abs(value) < 100_000 ? undefined : shortUnits[language].find(([size]) => Math.abs(value) >= size);
  if (!unit) return formatNumber(value, language);
  const part = value / unit[0];
  const digits = Math.abs(part) < 100 ? 1 : 0;
  return new Intl.NumberFormat(intlLocale[language], { maximumFractionDigits: digits }).format(part) + unit[1];
}

export function formatPercent(part: number, whole: number, language: Language): string {
  const ratio = whole > 0 ? part / whole : 0;
  const digits = ratio > 0 && ratio < 0.01 ? 2 : ratio < 0.1 ? 1 : 0;
  return new Intl.NumberFormat(intlLocale[language], { style: 'percent', maximumFractionDigits: digits }).format(ratio);
}

/** Bytes in binary units with the symbols of IEC 80000-13. */
export function formatBytes(bytes: number, language: Language): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : 1;
  return `${new Intl.NumberFormat(intlLocale[language], { maximumFractionDigits: digits }).format(value)} ${units[unit]}`;
}
