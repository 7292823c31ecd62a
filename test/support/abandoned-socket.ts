import { spawnSync } from "node:child_process";

/** Leaves a socket's file behind, as a process does that is killed. */
export function abandoned(path: string): void {
  const script =
    "require('node:net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))";
  spawnSync(process.execPath, ["-e", script, path]);
}
