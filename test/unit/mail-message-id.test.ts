import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { messageIdOf } from '../../activities/mail.ts';

describe('the Message-ID of a mail', () => {
  it('is made of its id and the domain of the sender', () => {
    expect(messageIdOf('report/6f1c-42', 'caretaker@example.org')).toBe('<report/6f1c-42@example.org>');
  });

  it('holds only what a Message-ID may hold, and is the same for the same id alone', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (one, other) => {
        const [first, second] = [messageIdOf(one, 'a@b.example'), messageIdOf(other, 'a@b.example')];
        expect(first).toMatch(/^<[A-Za-z0-9/=-]+@b\.example>$/);
        expect(first === second).toBe(one === other);
      }),
    );
  });
});
