import { describe, expect, it } from 'vitest';
import type { UndoResult } from '../../domain/undo.ts';
import { undoMail } from '../../reports/undo-mail.ts';
import { aLeftover, guestAway } from '../helpers/builders.ts';

const nothing: UndoResult = {
  ...{ cluster: 'homelab', node: 'pve1' },
  ...{ open: [], undone: [], overtaken: [], forgotten: [], warnings: [] },
};

function words(mail: { readonly text: string }): string {
  return mail.text.replaceAll(/\s+/g, ' ');
}

describe('the mail about what a run had left', () => {
  it('says that all is undone only when all was taken back', () => {
    const mail = undoMail('undo/1', { ...nothing, undone: [guestAway(100)] }, 'done');
    expect(mail.subject).toBe('Undone: what was left open on pve1 of homelab');
    expect(words(mail)).toContain('Everything that an earlier run had left open is taken back.');
  });

  it('says what was taken back, what others have changed, what people took upon themselves, and what was odd', () => {
    const result: UndoResult = {
      ...nothing,
      undone: [{ kind: 'maintenance', node: 'pve1' }, { kind: 'ha-armed' }, guestAway(100)],
      overtaken: [{ undo: guestAway(101), reason: 'vm-101 (101) was moved to pve3 by somebody else and stays there' }],
      forgotten: [{ kind: 'backup-job', id: 'nightly' }],
      warnings: ['HA has not brought all guests back to pve1'],
    };
    const mail = undoMail('undo/1', result, 'done');
    expect(mail.subject).toBe('Settled: what was left open on pve1 of homelab');
    expect(words(mail)).toContain('3 taken back, 1 left as found, 1 left to people');
    expect(words(mail)).not.toContain('101 vm-101 was brought back');
    expect(words(mail)).not.toContain('Everything');
    for (const text of [
      'HA maintenance mode of pve1 is off',
      'HA is armed',
      '100 vm-100 was brought back to pve1',
      'the backup job nightly is disabled',
      'vm-101 (101) was moved to pve3 by somebody else',
      'HA has not brought all guests back to pve1',
    ]) {
      expect(words(mail)).toContain(text);
    }
  });

  it('names every entry that was given up with reason and remedy, and says so in its subject', () => {
    const { open } = aLeftover();
    const mail = undoMail('undo/1', { ...nothing, open }, 'given-up');
    expect(mail.subject).toBe('TO DO: 3 changes on pve1 of homelab must be taken back by hand');
    for (const { reason, remedy } of open) {
      expect(words(mail)).toContain(reason);
      expect(words(mail)).toContain(remedy);
    }
    expect(mail.html).toContain('qm migrate 100 pve1 --online');
  });

  it('is safe whatever names hold', () => {
    const open = [{ undo: guestAway(100), reason: '<b>\u001b[31m\n', remedy: '<script>' }];
    const mail = undoMail('undo/1', { ...nothing, open, node: 'pve1\r\nBcc: x' }, 'canceled');
    expect(mail.subject).not.toMatch(/[\r\n]/);
    expect(mail.html).not.toContain('<script>');
    expect(mail.text).not.toContain('\u001b');
  });
});
