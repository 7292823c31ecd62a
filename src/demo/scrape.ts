/** Reads the sidecar's admin port, as Prometheus would. */
import { get } from "node:http";
import { type MetricSample, parseExposition } from "./exposition.ts";

/** A scrape that takes longer than this has failed: it is one page from the same machine. */
const timeoutMs = 2000;

/** One scrape of `HOST:PORT`. Rejects where there is no answer or another than 200. */
export function scrape(admin: string): Promise<MetricSample[]> {
  return new Promise((resolve, reject) => {
    const request = get(`http://${admin}/metrics`, { agent: false, timeout: timeoutMs }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(parseExposition(text));
        else reject(new Error(`${admin}/metrics answered ${response.statusCode}`));
      });
    });
    request.on("timeout", () => request.destroy(new Error(`${admin}/metrics took longer than ${timeoutMs} ms`)));
    request.on("error", reject);
  });
}
