import { describe, expect, it } from 'vitest';
import { LiveRegion } from '../../scripts/cli/live-region.ts';

function terminal(rows: number, columns: number) {
  const written: string[] = [];
  return { written, rows, columns, isTTY: true, write: (text: string) => written.push(text) };
}

describe('the live region of a terminal', () => {
  it('goes back over exactly the lines that it drew before', () => {
    const out = terminal(20, 40);
    const region = new LiveRegion(out);
    region.draw('one\ntwo');
    region.draw('three');
    region.clear();
    region.clear();
    expect(out.written).toEqual(['one\ntwo\n', '\r\u001b[2A\u001b[0Jthree\n', '\r\u001b[1A\u001b[0J', '']);
  });

  it('counts a line that the terminal would break as the lines that it takes', () => {
    const out = terminal(20, 10);
    const region = new LiveRegion(out);
    region.draw('x'.repeat(25));
    region.clear();
    expect(out.written.at(-1)).toBe('\r\u001b[3A\u001b[0J');
  });

  it('leaves a long line whole, so that a link in it can be followed', () => {
    const out = terminal(20, 10);
    new LiveRegion(out).draw('http://127.0.0.1:8233/a/long/way');
    expect(out.written).toEqual(['http://127.0.0.1:8233/a/long/way\n']);
  });

  it('counts the lines anew when the terminal was resized', () => {
    const out = terminal(20, 40);
    const region = new LiveRegion(out);
    region.draw('x'.repeat(40));
    out.columns = 10;
    region.clear();
    expect(out.written.at(-1)).toBe('\r\u001b[4A\u001b[0J');
  });

  it('never draws more than the screen holds', () => {
    const out = terminal(6, 40);
    new LiveRegion(out).draw(Array.from({ length: 30 }, (_, index) => `line ${index}`).join('\n'));
    expect(out.written[0]?.trimEnd().split('\n')).toEqual(['line 0', 'line 1', 'line 2', 'line 3', '…']);
  });
});
