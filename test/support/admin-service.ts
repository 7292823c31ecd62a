/** AdminService by grpc-js that answers what a test tells it to, and keeps what it was asked. */
import { Server, ServerCredentials, type ServerUnaryCall, type StatusObject } from "@grpc/grpc-js";
import { serviceDefinition } from "../../src/api/protos.ts";

export interface Asked {
  readonly method: string;
  readonly request: Readonly<Record<string, unknown>>;
  /** Of the metadata. */
  readonly actor: string | undefined;
}

/** What a method answers; a status that is thrown refuses. */
export type Answers = Readonly<
  Record<string, (request: Readonly<Record<string, unknown>>) => object | Promise<object>>
>;

export class AdminService {
  readonly asked: Asked[] = [];
  port = 0;
  readonly #server = new Server();

  static async open(answers: Answers): Promise<AdminService> {
    const service = new AdminService();
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    service.#serve(answers);
    service.#server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
    service.port = await promise;
    return service;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  close(): void {
    this.#server.forceShutdown();
  }

  #serve(answers: Answers): void {
    const definition = serviceDefinition("AdminService");
    const answer =
      (method: string) =>
      (
        call: ServerUnaryCall<Record<string, unknown>, object>,
        reply: (error: object | null, value?: object) => void,
      ) => {
        const { request, metadata } = call;
        this.asked.push({ method, request, actor: metadata.get("contender-actor")[0]?.toString() });
        Promise.resolve(request)
          .then(answers[method] ?? (() => ({})))
          .then(
            (value) => reply(null, value),
            (status: Partial<StatusObject>) => reply(status),
          );
      };
    const handlers = Object.keys(definition).map((name) => [name, answer(name)]);
    this.#server.addService(definition, Object.fromEntries(handlers));
  }
}
