import { describe, expect, it } from 'vitest';
import { describeRecurrence, parseRecurrence } from '../../config/recurrence.ts';
import { WEEKDAYS } from '../../domain/window.ts';

describe('a recurring time', () => {
  it.each([
    ['sunday 03:00', { days: ['sunday'], week: null, time: '03:00' }],
    ['First  Saturday 09:00', { days: ['saturday'], week: 'first', time: '09:00' }],
    ['thursday, monday 04:30', { days: ['monday', 'thursday'], week: null, time: '04:30' }],
    ['third monday,friday 23:59', { days: ['monday', 'friday'], week: 'third', time: '23:59' }],
    ['daily 05:00', { days: WEEKDAYS, week: null, time: '05:00' }],
  ])('is read from %j', (text, recurrence) => {
    expect(parseRecurrence(text)).toEqual(recurrence);
  });

  it.each([
    'sunday',
    '03:00',
    'sunday 3:00',
    'sunday 24:00',
    'sunday 03:60',
    'last sunday 03:00',
    'first daily 03:00',
    'first 03:00',
    'sunday, daily 03:00',
    'sunday monday 03:00',
    'first second monday 03:00',
    '0 3 * * 0',
    '',
  ])('is not read from %j', (text) => {
    expect(parseRecurrence(text)).toBeNull();
  });

  it.each(['sunday 03:00', 'first saturday 09:00', 'monday, thursday 04:30', 'daily 05:00'])(
    'is written as it was read: %s',
    (text) => {
      const recurrence = parseRecurrence(text);
      expect(recurrence && describeRecurrence(recurrence)).toBe(text);
    },
  );
});
