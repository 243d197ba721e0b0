import { z } from 'zod';
import { WEEKDAYS } from '../domain/window.ts';
import { timeOfDay } from './formats.ts';

export const windows = z
  .array(
    z.strictObject({
      days: z
        .array(z.enum(WEEKDAYS))
        .min(1)
        .readonly()
        .describe('Days on which the window opens, such as `[saturday, sunday]`.'),
      from: timeOfDay.describe('Local time at which it opens. In the hour that clocks skip, it opens when they jump.'),
      to: timeOfDay.describe(
        'Local time at which it ends, on the next day if that is not after `from`. In the hour that comes twice, it ends the first time.',
      ),
    }),
  )
  .readonly();
