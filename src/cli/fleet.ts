/** `contender fleet`: which sidecars there are, and what each has in force. */
import { Command } from "commander";
import { problemLine } from "../base/parsed.ts";
import type { SidecarStatus } from "../model/administration.ts";
import { printJson, problemJson } from "./change-text.ts";
import { addServiceFlags, askService } from "./config-service.ts";
import type { Handlers } from "./handlers.ts";
import { examples, paragraphs } from "./help-text.ts";
import { formatInstant } from "./instant.ts";
import type { Io } from "./io.ts";
import { plain, table } from "./table.ts";
import { sidecarName } from "./wait.ts";

export function fleetCommand(handlers: Handlers, io: Io, finish: (code: number) => void): Command {
  const command = new Command("fleet")
    .summary("every sidecar of the config service: what it has applied, and why not")
    .description(
      paragraphs(`Lists the sidecars that the config service knows: current, where what applies to it is in force there; pending, where it has
not answered yet; rejected, with every problem that it found; gone, where it is not connected, which is remembered for an hour, or until its pod has started anew; unrouted, where no route is
for it. The revision is that of the store which it has applied; 0 is none of this store.

Sidecars that follow the service (CONTENDER_CONTROL) are listed, and no others: those that poll its /v1/routes or read its etcd
themselves (CONTENDER_CONFIG) tell it nothing. What such a one has in force is at its own admin port: /config, or contender why
ROUTE --key KEY --admin ADDRESS, and for all of them contender_config_info in their metrics.`),
    )
    .option("--route <NAME>", "only sidecars that this route is for")
    .option(
      "--json",
      "print {revision, sidecars: [{instance, namespace, workload, pod, identity, release, state, version, revision, problems: [{path, message, where}], withheld: [{route, capabilities: [NAME]}], lastSeen, startedAt}]}",
    );
  addServiceFlags(command).addHelpText(
    "after",
    examples(
      ["all", "contender fleet"],
      [
        "who has not applied the route",
        "contender fleet --route fraud --json | jq '.sidecars[] | select(.state != \"current\")'",
      ],
    ),
  );
  return command.action(async ({ route = "", json }: { route?: string; json?: true }) => {
    const question = { route, waitForRevision: 0, waitAtMostMs: 0 };
    const { sidecars, revision } = await askService(
      command,
      handlers,
      io,
      (service) => service.sidecars(question),
      route,
    );
    if (json === true) printJson({ revision, sidecars: sidecars.map(sidecarJson) }, io);
    else print(sidecars, revision, route, io);
    finish(0);
  });
}

function print(sidecars: readonly SidecarStatus[], revision: number, route: string, io: Io): void {
  const nameOf = namesFor(sidecars);
  if (sidecars.length > 0) io.out(fleetText(sidecars, nameOf, io.columns));
  else if (route === "")
    io.err(
      "no sidecar follows this service yet: those with CONTENDER_CONTROL=HOST:PORT do; those that poll it or read its etcd (CONTENDER_CONFIG) are not seen here\n",
    );
  for (const sidecar of sidecars) for (const line of troubles(sidecar, nameOf(sidecar))) io.out(`${plain(line)}\n`);
  const counts = Map.groupBy(sidecars, ({ state }) => state);
  const parts = [...counts].map(([state, list]) => `${list.length} ${state}`);
  const count = `${sidecars.length} ${sidecars.length === 1 ? "sidecar" : "sidecars"}`;
  io.out(`${count}${parts.length === 0 ? "" : `: ${parts.join(", ")}`}; the store is at revision ${revision}\n`);
}

/** Several on one machine have its name, and are told apart by their processes. */
function namesFor(sidecars: readonly SidecarStatus[]): (sidecar: SidecarStatus) => string {
  const alike = Map.groupBy(sidecars, sidecarName);
  return (sidecar) => {
    const name = sidecarName(sidecar);
    return (alike.get(name) ?? []).length > 1 ? `${name} (${sidecar.instance})` : name;
  };
}

function fleetText(
  sidecars: readonly SidecarStatus[],
  nameOf: (sidecar: SidecarStatus) => string,
  width: number | undefined,
): string {
  const columns = [
    { head: "state" },
    { head: "sidecar" },
    { head: "revision", right: true },
    { head: "release" },
    { head: "last seen" },
    { head: "identity" },
  ] as const;
  const rows = sidecars.map((sidecar) => [
    sidecar.state,
    nameOf(sidecar),
    String(sidecar.revision),
    sidecar.release,
    timeText(sidecar.lastSeenMs) ?? "",
    sidecar.identity === "" ? "?" : sidecar.identity,
  ]);
  return table(columns, rows, width);
}

function troubles(sidecar: SidecarStatus, name: string): string[] {
  const problems = sidecar.state === "rejected" ? sidecar.problems.map(problemLine) : [];
  return [
    ...problems.map((line) => `${name} rejected: ${line}`),
    ...(sidecar.state === "unrouted" ? [`${name} unrouted: no route is for it; it goes on with what it had`] : []),
    ...sidecar.withheld.map(
      ({ route, capabilities }) => `${name} is not given ${route}: it lacks ${capabilities.join(", ")}`,
    ),
  ];
}

function sidecarJson({ lastSeenMs, startedAtMs, problems, ...rest }: SidecarStatus): object {
  return {
    ...rest,
    problems: problems.map(problemJson),
    lastSeen: timeText(lastSeenMs) ?? null,
    startedAt: timeText(startedAtMs) ?? null,
  };
}

const timeText = (ms: number | undefined): string | undefined => (ms === undefined ? undefined : formatInstant(ms));
