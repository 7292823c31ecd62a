/** Names under which something travels beside a call or its refusal: each end reads what the other one writes. */

/** Who says that they are asking: kept with a change where the service asks nobody for a proof. */
export const actorKey = "contender-actor";

/** Every problem of what was sent, beside a refusal, as an encoded `Problems` message. */
export const problemsKey = "contender-problems-bin";
