/** Reads the sidecar's admin port, as Prometheus would. */
import { type MetricSample, parseExposition } from "./exposition.ts";
import { readPage } from "./page.ts";

/** A scrape that takes longer than this has failed: it is one page from the same machine. */
const timeoutMs = 2000;

/** One scrape of `HOST:PORT`. Rejects where there is no answer or another than 200. */
export async function scrape(admin: string): Promise<MetricSample[]> {
  return parseExposition(await readPage(`http://${admin}/metrics`, timeoutMs));
}
