import { onUnmounted, ref } from 'vue';

export const STATUSES = [
  { value: 'open', word: 'Open' },
  { value: 'in_progress', word: 'In progress' },
  { value: 'done', word: 'Done' },
];

export const PRIORITIES = [
  { value: 'low', word: 'Low' },
  { value: 'normal', word: 'Normal' },
  { value: 'high', word: 'High' },
];

const UNITS = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

export function ago(moment, now) {
  const seconds = (new Date(moment) - now) / 1000;
  const [unit, size] = UNITS.find(([, length]) => -seconds >= length) ?? ['second', 1];
  return unit === 'second' ? 'just now' : relative.format(Math.round(seconds / size), unit);
}

/** The time of day as a value that moves on by itself. */
export function useNow() {
  const now = ref(Date.now());
  const timer = setInterval(() => (now.value = Date.now()), 15_000);
  onUnmounted(() => clearInterval(timer));
  return now;
}
