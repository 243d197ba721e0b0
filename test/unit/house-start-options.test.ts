import { describe, expect, it } from 'vitest';
import { parseStartOptions } from '../../scripts/lib/start-options.ts';

describe('the options of npm start', () => {
  it("stays up on Temporal's usual ports when nothing is said", () => {
    expect(parseStartOptions([])).toEqual({ once: false, temporalPort: 7233, uiPort: 8233, scale: undefined });
  });

  it('lets the Web UI follow the port of Temporal', () => {
    expect(parseStartOptions(['--once', '--temporal-port', '7300', '--scale=20'])).toEqual({
      once: true,
      temporalPort: 7300,
      uiPort: 8300,
      scale: 20,
    });
    expect(parseStartOptions(['--temporal-port=7300', '--ui-port=8080'])?.uiPort).toBe(8080);
  });

  it('returns nothing to start when help is asked for', () => {
    expect(parseStartOptions(['--help'])).toBeUndefined();
  });

  it.each([
    [['--temporal-port', 'seven'], '--temporal-port must be a port number'],
    [['--ui-port', '0'], '--ui-port must be a port number'],
    [['--ui-port', '70000'], '--ui-port must be a port number'],
    [['--scale=-1'], '--scale must be a number above 0'],
    [['--fast'], 'Unknown option \'--fast\'. "npm start -- --help" lists the options.'],
    [['stray'], "Unexpected argument 'stray'"],
  ])('refuses %j and says which option', (args, message) => {
    expect(() => parseStartOptions(args)).toThrow(message);
  });
});
