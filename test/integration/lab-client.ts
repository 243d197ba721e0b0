import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Agent, request } from 'undici';
import { createLab } from '../../lab/index.ts';
import type { Lab, LabOptions } from '../../lab/index.ts';

/** An answer of the API as it came over the wire. */
export interface Answer {
  readonly status: number;
  readonly reason: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
  readonly data: unknown;
  readonly body: { readonly errors?: Record<string, string>; readonly message?: string; readonly total?: number };
}

export interface CallOptions {
  readonly form?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Index of the node that is asked (default the first). */
  readonly at?: number;
  readonly format?: 'json' | 'extjs';
}

/** A lab in a directory of its own and the barest of clients. */
export class LabBench {
  readonly lab: Lab;
  readonly directory: string;
  readonly #agent: Agent;

  constructor(lab: Lab, directory: string) {
    this.lab = lab;
    this.directory = directory;
    this.#agent = new Agent({ connect: { ca: readFileSync(lab.access.caFile, 'utf8') } });
  }

  get operator(): Record<string, string> {
    const { id, secret } = this.lab.access.token;
    return { authorization: `PVEAPIToken=${id}=${secret}` };
  }

  get observer(): Record<string, string> {
    const { id, secret } = this.lab.access.observerToken;
    return { authorization: `PVEAPIToken=${id}=${secret}` };
  }

  /** Sends one request, as the operator unless headers are given. */
  async call(method: string, path: string, options: CallOptions = {}): Promise<Answer> {
    const node = this.lab.access.nodes[options.at ?? 0];
    if (!node) throw new Error('no such node');
    const form = options.form && new URLSearchParams(options.form).toString();
    const response = await request(
      `https://${node.api.host}:${node.api.port}/api2/${options.format ?? 'json'}${path}`,
      {
        method: method as 'GET',
        dispatcher: this.#agent,
        headers: {
          ...(form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' }),
          ...(options.headers ?? this.operator),
        },
        ...(form === undefined ? {} : { body: form }),
      },
    );
    const text = await response.body.text();
    const body = (text === '' ? {} : JSON.parse(text)) as Answer['body'] & { data?: unknown };
    return {
      status: response.statusCode,
      reason: response.statusText,
      headers: response.headers,
      text,
      data: body.data,
      body,
    };
  }

  /** Data of a call that must go well. */
  async get<T>(path: string, options: CallOptions = {}): Promise<T> {
    const answer = await this.call('GET', path, options);
    if (answer.status !== 200) throw new Error(`GET ${path}: ${answer.status} ${answer.reason}`);
    return answer.data as T;
  }

  /** Waits for something in the lab, looking every virtual second. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await condition())) await this.lab.clock.sleep(1_000);
  }

  /** Follows a task on its node to the end; its exit status. */
  async followed(upid: string): Promise<string> {
    const node = upid.split(':')[1] ?? '';
    const path = `/nodes/${node}/tasks/${encodeURIComponent(upid)}/status`;
    let exitstatus: string | undefined;
    await this.until(async () => {
      exitstatus = (await this.get<{ exitstatus?: string }>(path)).exitstatus;
      return exitstatus !== undefined;
    });
    return exitstatus ?? '';
  }

  async close(): Promise<void> {
    await this.lab.close();
    await this.#agent.destroy();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export async function openBench(options: Omit<LabOptions, 'directory'> = {}): Promise<LabBench> {
  const directory = mkdtempSync(join(tmpdir(), 'lab-'));
  return new LabBench(await createLab({ directory, scale: 100, ...options }), directory);
}
