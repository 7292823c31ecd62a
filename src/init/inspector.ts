/**
 * How one dialect is asked about its models and for a prediction. Two files beside this one hold one each; `look.ts` tries
 * them in turn.
 */
import type { DialectName } from "../model/route.ts";
import type { Method } from "../protocol/dialect.ts";
import type { ModelFacts, TensorFacts } from "./model-facts.ts";
import type { ModelServer, Refusal } from "./model-server.ts";
import type { Sample } from "./sample.ts";

export interface ListedModel {
  readonly name: string;
  readonly ready: boolean;
  /** The server's word for its state. */
  readonly state: string;
}

export interface Inspector {
  readonly name: DialectName;
  /** For people. */
  readonly title: string;
  /** Full name of the service that gives predictions. */
  readonly service: string;
  /** The method that the sample calls use. */
  readonly predict: Method;
  /** Asks a server without reflection whether it speaks this: undefined where it does, else what it said. */
  spoken(server: ModelServer): Promise<Refusal | undefined>;
  /** Undefined where models can't be listed. */
  models(server: ModelServer): Promise<readonly ListedModel[] | undefined>;
  /**
   * What the server tells of a model, as little as that may be.
   * @throws ContenderError MODEL_UNKNOWN or UPSTREAM_UNREACHABLE, in the server's words.
   */
  describe(server: ModelServer, model: string): Promise<ModelFacts>;
  /** A request for a prediction, as bytes. */
  request(model: ModelFacts, samples: readonly Sample[]): Buffer;
  /** The outputs of an answer; none where it can't be read. */
  outputsOf(answer: Buffer): readonly TensorFacts[];
}
