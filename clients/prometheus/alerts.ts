import { httpGet, HttpError, type GetOptions } from '../http/get.ts';

export interface FiringAlert {
  readonly name: string;
  /** Label `severity`; null where a rule has none. */
  readonly severity: string | null;
  /** Label `instance`, if any. */
  readonly instance: string | null;
}

const QUERY = 'ALERTS{alertstate="firing"}';

/**
 * Alerts that fire now, by an instant query for the series `ALERTS` that Prometheus writes for its alerting rules
 * (https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries).
 *
 * @param url Address of the server, with the prefix it may have: `http://prometheus:9090`.
 * @throws {HttpError} for everything that is not a whole and successful answer; a warning makes it no whole one.
 */
export async function firingAlerts(url: string, options: Omit<GetOptions, 'maxBytes'>): Promise<FiringAlert[]> {
  const query = new URL(`${url.replace(/\/+$/, '')}/api/v1/query`);
  query.searchParams.set('query', QUERY);
  const { status, body } = await httpGet(query.href, { ...options, maxBytes: 4 * 1024 * 1024 });
  const answer = parse(body);
  if (status !== 200) throw new HttpError(`Prometheus answered with status ${status}`);
  if (answer?.status !== 'success' || answer.data?.resultType !== 'vector' || !Array.isArray(answer.data.result)) {
    throw new HttpError('the answer is not that of a Prometheus query');
  }
  if ((answer.warnings ?? []).length > 0) throw new HttpError('Prometheus warns that its answer may not be whole');
  return answer.data.result.map(toAlert);
}

interface QueryAnswer {
  readonly status?: unknown;
  readonly data?: { readonly resultType?: unknown; readonly result?: readonly unknown[] };
  readonly warnings?: readonly unknown[];
}

function parse(body: string): QueryAnswer | null {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? value : null;
  } catch {
    return null;
  }
}

function toAlert(sample: unknown): FiringAlert {
  const metric = (sample as { readonly metric?: Readonly<Record<string, unknown>> } | null)?.metric ?? {};
  const label = (name: string) => (typeof metric[name] === 'string' ? metric[name] : null);
  return {
    name: label('alertname') ?? 'an alert without a name',
    severity: label('severity'),
    instance: label('instance'),
  };
}
