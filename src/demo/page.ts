/** Reads a page of a port on this machine, as any program would. */
import { get } from "node:http";

/** The text of an `http://` address. Rejects where there is no answer in time, or another than 200. */
export function readPage(url: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = get(url, { agent: false, timeout: timeoutMs }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", reject);
      response.on("end", () => {
        if (response.statusCode === 200) resolve(text);
        else reject(new Error(`${url} answered ${response.statusCode}`));
      });
    });
    request.on("timeout", () => request.destroy(new Error(`${url} took longer than ${timeoutMs} ms`)));
    request.on("error", reject);
  });
}
