/** Every target, in the order in which they are run. */
import { differentialClient, differentialServer } from "./differential-targets.ts";
import type { Target } from "./target.ts";
import { routes, settings } from "./targets/configuration.ts";
import { access, told } from "./targets/control.ts";
import { framesClient, framesServer } from "./targets/frames.ts";
import { grpcMessages, grpcTimeout } from "./targets/grpc.ts";
import { hpackBlocks } from "./targets/hpack.ts";
import { modelOverrides } from "./targets/overrides.ts";
import { requests } from "./targets/requests.ts";
import { scores } from "./targets/scores.ts";
import { snapshots } from "./targets/snapshots.ts";

export const targets: readonly Target[] = [
  framesServer,
  framesClient,
  differentialServer,
  differentialClient,
  hpackBlocks,
  grpcMessages,
  grpcTimeout,
  requests,
  scores,
  modelOverrides,
  routes,
  settings,
  snapshots,
  access,
  told,
];
