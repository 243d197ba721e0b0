import type { Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { createNutClient, type NutClient, type NutClientOptions } from '../../clients/nut/index.ts';
import { freePort } from '../../scripts/temporal/ports.ts';
import { scriptedServer, type ScriptedServer } from './clients-nut-server.ts';

let server: ScriptedServer;
let client: NutClient;

afterEach(async () => {
  client.close();
  await server.close();
});

async function talk(
  onLine: Record<string, string | ((socket: Socket) => void)> | ((line: string, socket: Socket) => void),
  options: Partial<NutClientOptions> = {},
): Promise<void> {
  server = await scriptedServer((line, socket) => {
    if (typeof onLine === 'function') return onLine(line, socket);
    const answer = onLine[line] ?? 'ERR UNKNOWN-COMMAND\n';
    if (typeof answer === 'string') socket.write(answer);
    else answer(socket);
  });
  client = createNutClient({ host: '127.0.0.1', port: server.port, tls: 'off', ...options });
}

const LIST = 'BEGIN LIST VAR ups\nVAR ups ups.status "OL"\nVAR ups ups.id "a \\"b\\" \\\\ c"\nEND LIST VAR ups\n';
const VARIABLES = new Map([
  ['ups.status', 'OL'],
  ['ups.id', 'a "b" \\ c'],
]);

describe('an answer', () => {
  it('is the same whatever two segments it comes in', async () => {
    let cut = 0;
    await talk((_line, socket) => {
      socket.write(LIST.slice(0, cut));
      setImmediate(() => setImmediate(() => socket.write(LIST.slice(cut))));
    });
    for (cut = 1; cut < LIST.length; cut++) expect(await client.listVariables('ups')).toEqual(VARIABLES);
    expect(server.connections).toBe(1);
  });

  it('may have its lines ended by CR LF', async () => {
    await talk({ 'LIST VAR ups': LIST.replaceAll('\n', '\r\n') });
    expect(await client.listVariables('ups')).toEqual(VARIABLES);
  });

  it('is never a part of a list: a connection that ends before its end is an error, wherever that is', async () => {
    let cut = 0;
    await talk((_line, socket) => void socket.end(LIST.slice(0, cut)));
    for (cut = 0; cut < LIST.length; cut++) {
      await expect(client.listVariables('ups')).rejects.toMatchObject({
        type: 'NutConnectionLost',
        class: 'comms',
        outcome: 'retryable',
      });
    }
    expect(server.connections).toBe(LIST.length);
  });

  it.each([
    ['HTTP/1.1 400 Bad Request\r\n\r\n'],
    ['BEGIN LIST VAR other\nVAR other ups.status "OL"\nEND LIST VAR other\n'],
    ['BEGIN LIST VAR ups\nVAR other ups.status "OL"\nEND LIST VAR ups\n'],
    ['BEGIN LIST VAR ups\nVAR ups ups.status\nEND LIST VAR ups\n'],
    ['BEGIN LIST VAR ups\nVAR ups ups.status "OL\nEND LIST VAR ups\n'],
    ['BEGIN LIST VAR ups\nVAR ups ups.status "OL"\nEND LIST VAR other\n'],
    ['BEGIN LIST VAR ups\nERR DATA-STALE\n'],
    ['OK\n'],
    ['\n'],
    [`BEGIN LIST VAR ups\n${'VAR ups x "1"\n'.repeat(5_000)}`],
    ['x'.repeat(1_048_576)],
  ])('of nonsense is none (%j)', async (answer) => {
    await talk({ 'LIST VAR ups': answer });
    await expect(client.listVariables('ups')).rejects.toMatchObject({ type: 'NutUnexpectedAnswer', class: 'comms' });
    await expect(client.listVariables('ups')).rejects.toMatchObject({ type: 'NutUnexpectedAnswer' });
    expect(server.connections).toBe(2);
  });

  it('of a variable must be about that one', async () => {
    await talk({ 'GET VAR ups ups.status': 'VAR ups ups.load "20"\n' });
    await expect(client.variable('ups', 'ups.status')).rejects.toMatchObject({ type: 'NutUnexpectedAnswer' });
  });

  it('that is more than was asked for ends the connection, and is nobody’s answer', async () => {
    await talk({
      'GET VAR ups ups.status': 'VAR ups ups.status "OL"\nVAR ups ups.load "99"\n',
      'GET VAR ups ups.load': 'VAR ups ups.load "20"\n',
    });
    expect(await client.variable('ups', 'ups.status')).toBe('OL');
    expect(await client.variable('ups', 'ups.load')).toBe('20');
    expect(server.connections).toBe(2);
  });

  it('that nobody has asked for ends the connection', async () => {
    let said = (): void => undefined;
    const closed = new Promise<void>((resolve) => (said = resolve));
    await talk({
      'GET VAR ups ups.status': (socket) => {
        socket.once('close', said);
        socket.write('VAR ups ups.status "OL"\n');
        setImmediate(() => setImmediate(() => socket.write('VAR ups ups.status "OB"\n')));
      },
    });
    expect(await client.variable('ups', 'ups.status')).toBe('OL');
    await closed;
  });
});

describe('the questions', () => {
  it('are asked one after the other, however many there are at once', async () => {
    let open = 0;
    let most = 0;
    await talk((line, socket) => {
      most = Math.max(most, ++open);
      setImmediate(() => {
        open--;
        socket.write(`${line.replace('GET ', '')} "1"\n`);
      });
    });
    const names = Array.from({ length: 20 }, (_, index) => `input.L${index}.voltage`);
    expect(await Promise.all(names.map((name) => client.variable('ups', name)))).toEqual(names.map(() => '1'));
    expect(server.asked).toEqual(names.map((name) => `GET VAR ups ${name}`));
    expect(most).toBe(1);
    expect(server.connections).toBe(1);
  });

  it('quote what is not plain, and refuse what no line can hold before anything is sent', async () => {
    await talk({ [String.raw`SET VAR ups ups.id "a \"b\" \\"`]: 'OK\n' });
    await client.setVariable('ups', 'ups.id', 'a "b" \\');
    await expect(client.setVariable('ups', 'ups.id', 'x\nFSD ups')).rejects.toMatchObject({
      type: 'NutArgument',
      outcome: 'refused',
    });
    expect(server.asked).toHaveLength(1);
  });

  it('that are given up end their connection, and only theirs', async () => {
    const giveUp = new AbortController();
    await talk((line, socket) => {
      if (line === 'GET VAR ups ups.load') giveUp.abort(new Error('cancelled'));
      else socket.write('VAR ups ups.status "OL"\n');
    });
    const given = client.variable('ups', 'ups.load', { signal: giveUp.signal });
    const next = client.variable('ups', 'ups.status');
    await expect(given).rejects.toThrow('cancelled');
    expect(await next).toBe('OL');
    expect(server.connections).toBe(2);
  });
});

describe('a server that is too slow', () => {
  it('is given up with its connection, so that its answer is never that to another question', async () => {
    const late: Socket[] = [];
    await talk(
      (line, socket) => {
        if (line === 'GET VAR ups ups.status') late.push(socket);
        else socket.write('VAR ups ups.load "20"\n');
        // The late answer leaves when the next question has been asked.
        if (line === 'GET VAR ups ups.load') late.forEach((slow) => slow.write('VAR ups ups.status "OB"\n'));
      },
      { timeouts: { reply: 50 } },
    );
    await expect(client.variable('ups', 'ups.status')).rejects.toMatchObject({
      type: 'NutTimeout',
      class: 'comms',
      outcome: 'retryable',
    });
    expect(await client.variable('ups', 'ups.load')).toBe('20');
    expect(server.connections).toBe(2);
  });

  it('is given up in the middle of a list too, although it says something now and then', async () => {
    let talking: NodeJS.Timeout | undefined;
    await talk(
      (_line, socket) => {
        socket.write('BEGIN LIST VAR ups\n');
        talking = setInterval(() => socket.write('VAR ups ups.status "OL"\n'), 10);
      },
      { timeouts: { reply: 100 } },
    );
    await expect(client.listVariables('ups')).rejects.toMatchObject({ type: 'NutTimeout', outcome: 'retryable' });
    clearInterval(talking);
  });

  it('leaves open whether a command was carried out', async () => {
    await talk(() => undefined, { timeouts: { reply: 50 } });
    await expect(client.instantCommand('ups', 'load.off')).rejects.toMatchObject({
      type: 'NutTimeout',
      outcome: 'unknown',
    });
    await expect(client.setVariable('ups', 'ups.id', 'x')).rejects.toMatchObject({ outcome: 'unknown' });
  });
});

describe('a server that is not there', () => {
  it('is unreachable', async () => {
    await talk({});
    client = createNutClient({ host: '127.0.0.1', port: await freePort(), tls: 'off' });
    await expect(client.listUps()).rejects.toMatchObject({
      name: 'NutError',
      type: 'NutUnreachable',
      class: 'comms',
      outcome: 'retryable',
    });
  });

  it('is unreachable by a name that does not exist', async () => {
    await talk({});
    client = createNutClient({ host: 'ups.invalid', tls: 'off' });
    await expect(client.listUps()).rejects.toMatchObject({ type: 'NutUnreachable', class: 'comms' });
  });

  it('is found again on the same client when it is back', async () => {
    await talk({ 'GET NUMLOGINS ups': (socket) => void socket.end('NUMLOGINS ups 2\n') });
    expect(await client.numLogins('ups')).toBe(2);
    await expect.poll(() => client.numLogins('ups').catch(() => 0)).toBe(2);
  });
});

describe('the password', () => {
  const secret = 'hunter2 "#';
  const login = { username: 'caretaker', password: () => Promise.resolve(secret) };
  const who = { 'USERNAME caretaker': 'OK\n', [String.raw`PASSWORD "hunter2 \"\#"`]: 'OK\n' };

  it('is asked for when a command needs it, and once a connection', async () => {
    let asked = 0;
    const password = () => Promise.resolve(((asked += 1), secret));
    await talk(
      { ...who, 'INSTCMD ups beeper.mute': 'OK\n', 'GET NUMLOGINS ups': 'NUMLOGINS ups 0\n' },
      { ...login, password },
    );
    await client.numLogins('ups');
    expect(asked).toBe(0);
    await client.instantCommand('ups', 'beeper.mute');
    await client.instantCommand('ups', 'beeper.mute');
    expect(asked).toBe(1);
    expect(server.asked.filter((line) => line.startsWith('PASSWORD'))).toHaveLength(1);
  });

  it('that is wrong shows at the command, is no matter of the connection, and is asked for again', async () => {
    let asked = 0;
    const password = () => Promise.resolve(((asked += 1), secret));
    await talk(
      { ...who, 'FSD ups': 'ERR ACCESS-DENIED\n', 'PRIMARY ups': 'OK PRIMARY-GRANTED\n' },
      { ...login, password },
    );
    const denied = { type: 'NutAccessDenied', class: 'config', outcome: 'refused', words: 'ERR ACCESS-DENIED' };
    await expect(client.forcedShutdown('ups')).rejects.toMatchObject(denied);
    await expect(client.forcedShutdown('ups')).rejects.toMatchObject(denied);
    expect(asked).toBe(2);
  });

  it('that is short does not hide what went wrong', async () => {
    const short = { username: 'caretaker', password: () => Promise.resolve('e') };
    await talk({ 'USERNAME caretaker': 'OK\n' }, { ...short, timeouts: { reply: 100 } });
    await expect(client.login('ups')).rejects.toMatchObject({ words: 'ERR UNKNOWN-COMMAND' });
  });

  it.each([`ERR ${secret}\n`, `${secret}\n`, `OK\n`, `ERR ACCESS-DENIED ${secret}\n`])(
    'is in no error, even where the server answers %j',
    async (answer) => {
      await talk((line, socket) => void socket.write(line.startsWith('USERNAME') ? 'OK\n' : answer), login);
      const error: unknown = await client.login('other').then(
        () => client.login('ups'),
        (reason: unknown) => reason,
      );
      expect(`${JSON.stringify(error)} ${String(error)} ${(error as Error | undefined)?.stack}`).not.toContain(
        'hunter2',
      );
    },
  );
});

describe('a command', () => {
  it('is followed to its end where tracking is asked for', async () => {
    const states = ['PENDING\n', 'PENDING\n', 'SUCCESS\n'];
    await talk({
      'SET TRACKING ON': 'OK\n',
      'INSTCMD ups load.off.delay 120': 'OK TRACKING 1bd31808-cb49-4aec-9d75-d056e6f018d2\n',
      'GET TRACKING 1bd31808-cb49-4aec-9d75-d056e6f018d2': (socket) => void socket.write(states.shift() ?? ''),
    });
    await client.instantCommand('ups', 'load.off.delay', { param: '120', tracking: true });
    expect(states).toEqual([]);
  });

  it.each([
    ['ERR FAILED\n', 'NutCommandFailed', 'comms', 'retryable'],
    ['ERR UNKNOWN\n', 'NutUnknownError', 'comms', 'unknown'],
    ['ERR INVALID-ARGUMENT\n', 'NutArgument', 'config', 'refused'],
    ['PENDING\n', 'NutTimeout', 'comms', 'unknown'],
    ['Maybe\n', 'NutUnexpectedAnswer', 'comms', 'unknown'],
    ['', 'NutTimeout', 'comms', 'unknown'],
  ])('whose end is said to be %j is %s: %s, %s', async (answer, type, sort, outcome) => {
    const steps: Record<string, string> = { 'SET TRACKING ON': 'OK\n', 'SET VAR ups ups.id x': 'OK TRACKING 1\n' };
    await talk({ ...steps, 'GET TRACKING 1': answer }, { timeouts: { tracking: 300, reply: 200 } });
    await expect(client.setVariable('ups', 'ups.id', 'x', { tracking: true })).rejects.toMatchObject({
      type,
      class: sort,
      outcome,
    });
  });

  it('cannot be followed on a server that does not know how, and is not begun there', async () => {
    await talk({ 'SET TRACKING ON': 'ERR INVALID-ARGUMENT\n' });
    await expect(client.instantCommand('ups', 'load.off', { tracking: true })).rejects.toMatchObject({
      type: 'NutNotSupported',
      class: 'optional',
    });
    expect(server.asked).toEqual(['SET TRACKING ON']);
  });

  it('whose connection is lost while it is followed may have been carried out', async () => {
    await talk({
      'SET TRACKING ON': 'OK\n',
      'INSTCMD ups load.off': 'OK TRACKING 1\n',
      'GET TRACKING 1': (socket) => void socket.destroy(),
    });
    await expect(client.instantCommand('ups', 'load.off', { tracking: true })).rejects.toMatchObject({
      type: 'NutConnectionLost',
      outcome: 'unknown',
    });
  });

  it('of a client that is closed meanwhile is not asked about on a new connection', async () => {
    await talk({
      'SET TRACKING ON': 'OK\n',
      'INSTCMD ups load.off': 'OK TRACKING 1\n',
      'GET TRACKING 1': (socket) => {
        socket.write('PENDING\n');
        setImmediate(() => setImmediate(() => client.close()));
      },
    });
    await expect(client.instantCommand('ups', 'load.off', { tracking: true })).rejects.toMatchObject({
      type: 'NutConnectionLost',
      outcome: 'unknown',
    });
    expect(server.connections).toBe(1);
  });
});

describe('a client that is closed', () => {
  it('asks nothing of what still waits for its turn, and can be used again', async () => {
    await talk((line, socket) => {
      if (line === 'GET VAR ups ups.status') client.close();
      else socket.write('VAR ups ups.load "20"\n');
    });
    const open = client.variable('ups', 'ups.status');
    const waiting = client.variable('ups', 'ups.load');
    await expect(open).rejects.toMatchObject({ type: 'NutConnectionLost' });
    await expect(waiting).rejects.toMatchObject({ type: 'NutConnectionLost', outcome: 'retryable' });
    expect(server.asked).toEqual(['GET VAR ups ups.status']);
    expect(await client.variable('ups', 'ups.load')).toBe('20');
  });

  it('while it connects does not keep the connection', async () => {
    await talk({});
    const open = client.variable('ups', 'ups.status');
    await Promise.resolve();
    client.close();
    await expect(open).rejects.toMatchObject({ type: 'NutConnectionLost' });
    expect(server.asked).toEqual([]);
  });
});

describe('a forced shutdown', () => {
  it('is asked for as primary', async () => {
    await talk({ 'PRIMARY ups': 'OK PRIMARY-GRANTED\n', 'FSD ups': 'OK FSD-SET\n' });
    await client.forcedShutdown('ups');
    expect(server.asked).toEqual(['PRIMARY ups', 'FSD ups']);
  });

  it('is asked for as master where the server is older', async () => {
    await talk({ 'MASTER ups': 'OK MASTER-GRANTED\n', 'FSD ups': 'OK FSD-SET\n' });
    await client.forcedShutdown('ups');
    expect(server.asked).toEqual(['PRIMARY ups', 'MASTER ups', 'FSD ups']);
  });

  it('needs no primary where the user may set it by itself', async () => {
    await talk({ 'PRIMARY ups': 'ERR ACCESS-DENIED\n', 'FSD ups': 'OK FSD-SET\n' });
    await client.forcedShutdown('ups');
    expect(server.asked).toEqual(['PRIMARY ups', 'FSD ups']);
  });

  it('may have been set when its answer is lost, and was not when that to PRIMARY is', async () => {
    await talk({ 'PRIMARY ups': 'OK PRIMARY-GRANTED\n', 'FSD ups': (socket) => void socket.destroy() });
    await expect(client.forcedShutdown('ups')).rejects.toMatchObject({ outcome: 'unknown' });
    await server.close();
    await talk({ 'PRIMARY ups': (socket) => void socket.destroy() });
    await expect(client.forcedShutdown('ups')).rejects.toMatchObject({ outcome: 'retryable' });
  });
});

describe('a login', () => {
  it('is only made when it is asked for, and once a connection', async () => {
    await talk({
      'LOGIN ups': 'OK\n',
      'LIST CLIENT ups': 'BEGIN LIST CLIENT ups\nCLIENT ups 127.0.0.1\nEND LIST CLIENT ups\n',
      LOGOUT: (socket) => void socket.end('OK Goodbye\n'),
    });
    expect(await client.listClients('ups')).toEqual(['127.0.0.1']);
    expect(server.asked).toEqual(['LIST CLIENT ups']);
    await client.login('ups');
    await client.login('ups');
    await client.logout();
    expect(server.asked).toEqual(['LIST CLIENT ups', 'LOGIN ups', 'LOGOUT']);
    await client.login('ups');
    expect(server.connections).toBe(2);
  });
});
