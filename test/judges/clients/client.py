"""grpcio as a client: makes every kind of call once and prints a record of each, or goes on calling until told to stop.

Usage: client.py call STUBS MODELS ECHO ROW | client.py flood ECHO COUNT SIZE | client.py load ECHO

STUBS is the folder of the modules made from the vendored definitions, ROW a JSON list of the model's features. With
JUDGE_TLS_CA, JUDGE_TLS_CERT and JUDGE_TLS_KEY, paths of PEM files, it speaks TLS and shows that certificate.
"""

import hashlib
import itertools
import json
import os
import pathlib
import struct
import sys
import threading
import time

import grpc

SERVICE = "/contender.judge.Echo/"
LONGEST_CALL = 30.0
# Where a call is to end early: short against a call's limit, long against what a busy machine takes to send one.
EARLY_DEADLINE = 0.3
LONGEST_MESSAGE = 65 << 20


def open_channel(address, **options):
    given = {
        "grpc.max_receive_message_length": LONGEST_MESSAGE,
        "grpc.max_send_message_length": LONGEST_MESSAGE,
        # A second try would hide what this judge looks for.
        "grpc.enable_retries": 0,
        **options,
    }
    if "JUDGE_TLS_CA" not in os.environ:
        return grpc.insecure_channel(address, options=list(given.items()))
    ca, cert, key = (
        pathlib.Path(os.environ[f"JUDGE_TLS_{name}"]).read_bytes() for name in ("CA", "CERT", "KEY")
    )
    credentials = grpc.ssl_channel_credentials(ca, key, cert)
    return grpc.secure_channel(address, credentials, options=list(given.items()))


class Failed(Exception):
    """What a record shows as its problem."""


def expect(holds, text):
    if not holds:
        raise Failed(text)


def noise(length):
    """Bytes without a pattern, the same every time."""
    blocks = (hashlib.sha256(b"%d" % i).digest() for i in range(length // 32 + 1))
    return b"".join(blocks)[:length]


def numbered(i, size):
    """A message that tells its place in a stream."""
    return struct.pack(">I", i).ljust(max(4, size), b"\0")


def digest(data):
    return f"{len(data)} bytes, {hashlib.sha256(data).hexdigest()[:16]}"


def fields(metadata):
    """By name, values of one name in their order."""
    listed = [(key, value.hex() if isinstance(value, bytes) else value) for key, value in metadata or ()]
    return sorted(listed, key=lambda field: field[0])


def end_of(call):
    """All that a caller sees of how a call ended; a finished call and a failed one have it alike."""
    return {
        "code": call.code().name,
        "message": call.details(),
        "initial": fields(call.initial_metadata()),
        "trailing": fields(call.trailing_metadata()),
    }


class Caller:
    def __init__(self, stubs, models, echo, row):
        sys.path.insert(0, stubs)
        self.models = open_channel(models)
        self.echo = open_channel(echo)
        self.row = row

    def unary(self, method, request, **options):
        """The answer, empty where the call failed, and its end."""
        options.setdefault("timeout", LONGEST_CALL)
        try:
            answer, call = self.echo.unary_unary(SERVICE + method).with_call(request, **options)
        except grpc.RpcError as error:
            answer, call = b"", error
        return answer, {"body": digest(answer), **end_of(call)}

    def model_call(self, call, request):
        answer, ended = call.with_call(request, timeout=LONGEST_CALL, metadata=[("x-user-id", "u-2")])
        seen = end_of(ended)
        # Of a grpc-js server, another each second.
        seen["initial"] = [field for field in seen["initial"] if field[0] != "date"]
        return answer, {"answer": str(answer), **seen}

    def predict(self):
        from tensorflow.core.framework import types_pb2
        from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

        request = predict_pb2.PredictRequest()
        request.model_spec.name = "credit"
        tensor = request.inputs["features"]
        tensor.dtype = types_pb2.DT_FLOAT
        for size in (2, len(self.row)):
            tensor.tensor_shape.dim.add(size=size)
        tensor.float_val.extend(self.row + self.row)
        stub = prediction_service_pb2_grpc.PredictionServiceStub(self.models)
        answer, seen = self.model_call(stub.Predict, request)
        scores = answer.outputs["scores"].float_val
        expect(len(scores) == 4, f"{len(scores)} scores")
        return f"TensorFlow Serving, score {scores[1]:.4f}", seen

    def infer(self):
        import grpc_service_pb2
        import grpc_service_pb2_grpc

        request = grpc_service_pb2.ModelInferRequest(model_name="credit", id="7")
        request.inputs.add(name="features", datatype="FP32", shape=[1, len(self.row)])
        request.raw_input_contents.append(struct.pack(f"<{len(self.row)}f", *self.row))
        stub = grpc_service_pb2_grpc.GRPCInferenceServiceStub(self.models)
        answer, seen = self.model_call(stub.ModelInfer, request)
        scores = struct.unpack("<2f", answer.raw_output_contents[0])
        expect(answer.id == "7", f"id {answer.id}")
        return f"Open Inference, score {scores[1]:.4f}", seen

    def unknown_model(self):
        import grpc_service_pb2
        import grpc_service_pb2_grpc

        stub = grpc_service_pb2_grpc.GRPCInferenceServiceStub(self.models)
        try:
            stub.ModelMetadata(grpc_service_pb2.ModelMetadataRequest(name="nobody"), timeout=LONGEST_CALL)
        except grpc.RpcError as error:
            seen = end_of(error)
            # Without a message an answer is all trailers, and those carry the date.
            seen["trailing"] = [field for field in seen["trailing"] if field[0] != "date"]
            expect(seen["code"] == "NOT_FOUND", str(seen))
            return "the server's own refusal", seen
        raise Failed("was answered")

    def sizes(self):
        sizes = (0, 1, 16_379, 16_384, 65_535, 262_145, 1_000_003)
        seen = []
        for size in sizes:
            request = noise(size)
            answer, ended = self.unary("Unary", request)
            seen.append(ended)
            expect(answer == request, f"{size} bytes: {ended}")
        return f"{len(sizes)} sizes to {sizes[-1]} bytes", seen

    def metadata(self):
        metadata = [
            ("x-initial", "one"),
            ("x-initial", "two, three"),
            ("x-initial-empty", ""),
            ("x-initial-spaces", " at both ends "),
            ("x-initial-bin", b"\x00\xff\xab"),
            ("x-initial-bin", b"\x80"),
            ("x-trailing-long", "long " * 500),
            ("x-trailing-bin", noise(1_000)),
        ]
        _, seen = self.unary("Unary", b"m", metadata=metadata)
        came = seen["initial"] + seen["trailing"]
        expect(len(came) >= len(metadata), str(seen))
        return "repeated, empty, long and binary", seen

    def heard(self):
        metadata = [
            ("x-user-id", "u-1"),
            ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
            ("authorization", "Bearer " + "t" * 600),
            ("k-bin", bytes([0, 1, 2, 253])),
        ]
        answer, ended = self.unary("Heard", b"", metadata=metadata)
        expect(answer != b"", str(ended))
        told = json.loads(answer)
        limit = LONGEST_CALL * 1_000
        # grpcio rounds up what it sends, by a percent at most.
        expect(limit - 5_000 <= told["remainingMs"] <= limit * 1.01, f"of {limit} ms it heard {told['remainingMs']}")
        return f"{len(told['metadata'])} fields", {"heard": told["metadata"]}

    def statuses(self):
        seen = []
        for code in range(1, 17):
            message = f"naïve 100 % – ✓ \t of {code} "
            _, ended = self.unary("Fail", json.dumps({"code": code, "message": message, "details": "why"}).encode())
            seen.append(ended)
            numbers = {each.name: each.value[0] for each in grpc.StatusCode}
            expect((numbers[ended["code"]], ended["message"]) == (code, message), str(ended))
            expect("grpc-status-details-bin" in dict(ended["trailing"]), str(ended))
        return f"all {len(seen)} codes, with message and details", seen

    def collect(self):
        messages = [numbered(i, i * 7 % 40_000) for i in range(500)]
        call = self.echo.stream_unary(SERVICE + "Collect")
        answer, ended = call.with_call(iter(messages), timeout=LONGEST_CALL)
        expected = hashlib.sha256(b"".join(struct.pack(">I", len(each)) + each for each in messages)).hexdigest()
        told = json.loads(answer)
        expect(told == {"count": len(messages), "digest": expected}, str(told))
        return f"{len(messages)} messages", {**told, **end_of(ended)}

    def spread_of(self, **want):
        """Counts the messages that come in order, to the stream's end."""
        call = self.echo.unary_stream(SERVICE + "Spread")(json.dumps(want).encode(), timeout=LONGEST_CALL)
        count = 0
        try:
            for message in call:
                expect(message == numbered(count, want.get("size", 0)), f"message {count} is another")
                count += 1
        except grpc.RpcError:
            pass  # Its end tells.
        return count, end_of(call)

    def spread(self):
        count, seen = self.spread_of(count=2_000, size=3_000)
        expect((count, seen["code"]) == (2_000, "OK"), f"{count} messages, {seen}")
        return f"{count} messages in order", seen

    def late_failure(self):
        count, seen = self.spread_of(count=3, code=8, message="no more ✓", details="late")
        expect((count, seen["code"], seen["message"]) == (3, "RESOURCE_EXHAUSTED", "no more ✓"), f"{count}, {seen}")
        expect("grpc-status-details-bin" in dict(seen["trailing"]), str(seen))
        return "after 3 messages, with details", seen

    def converse(self):
        """Waits for each answer before it says more."""
        heard = threading.Semaphore(1)
        turns = 200

        def speak():
            for i in range(turns):
                heard.acquire()
                yield numbered(i, i * 97)

        call = self.echo.stream_stream(SERVICE + "Chat")(speak(), timeout=LONGEST_CALL)
        for i, message in enumerate(call):
            expect(message == numbered(i, i * 97), f"turn {i}")
            heard.release()
        expect(i == turns - 1, f"ended after turn {i}")
        return f"{turns} turns, each waits for the other", end_of(call)

    def gzip(self):
        request = b"compresses well " * 20_000
        options = {"compression": grpc.Compression.Gzip}
        answer, seen = self.unary("Unary", request, **options)
        expect(answer == request, str(seen))
        told, _ = self.unary("Heard", b"a message too short is sent as it is" * 40, **options)
        expect(json.loads(told)["compression"] == "gzip", f"the server heard {told}")
        return f"{len(request)} bytes there and back", seen

    def deadline(self):
        # grpc-go's server resets a call at its deadline. Where that is here before grpcio's own timer has run, grpcio tells
        # it as CANCELLED: seldom, so not three times of three.
        told = []
        for _ in range(3):
            name = f"deadline {time.time_ns()}".encode()
            start = time.monotonic()
            _, ended = self.unary("Wait", name, timeout=EARLY_DEADLINE)
            took = time.monotonic() - start
            why, gone = self.unary("Gone", name)
            told.append(ended["code"])
            expect(gone["code"] == "OK" and took < 2, f"took {took:.1f} s, {ended}; at the server {gone}")
        expect("DEADLINE_EXCEEDED" in told and set(told) <= {"DEADLINE_EXCEEDED", "CANCELLED"}, str(told))
        return f"after {took:.2f} s, the server too: {why.decode()}", None

    def cancel(self):
        name = f"cancel {time.time_ns()}".encode()
        future = self.echo.unary_unary(SERVICE + "Wait").future(name, timeout=LONGEST_CALL)
        self.unary("Arrived", name)
        future.cancel()
        why, gone = self.unary("Gone", name)
        expect(future.cancelled() and why == b"context canceled", f"at the server {why}, {gone}")
        return "reaches the server", why.decode()

    def cancel_stream(self):
        name = f"stream {time.time_ns()}"
        want = json.dumps({"id": name, "count": 1 << 30, "size": 10_000}).encode()
        call = self.echo.unary_stream(SERVICE + "Spread")(want, timeout=LONGEST_CALL)
        for i, message in enumerate(itertools.islice(call, 3)):
            expect(message == numbered(i, 10_000), f"message {i}")
        call.cancel()
        why, gone = self.unary("Gone", name.encode())
        expect(why == b"context canceled", f"at the server {why}, {gone}")
        return "an endless one ends at the server", why.decode()

    def large(self):
        request = noise(1 << 20) * 64
        answer, seen = self.unary("Unary", request)
        expect(answer == request, str(seen))
        return "there and back in one message", seen


def call(stubs, models, echo, row):
    caller = Caller(stubs, models, echo, json.loads(row))
    judged = {
        "Predict": caller.predict,
        "ModelInfer": caller.infer,
        "unknown model": caller.unknown_model,
        "messages of many sizes": caller.sizes,
        "metadata": caller.metadata,
        "what the server hears": caller.heard,
        "statuses": caller.statuses,
        "client stream": caller.collect,
        "server stream": caller.spread,
        "late failure": caller.late_failure,
        "conversation": caller.converse,
        "gzip": caller.gzip,
        "deadline": caller.deadline,
        "cancellation": caller.cancel,
        "cancelled stream": caller.cancel_stream,
        "64 MiB": caller.large,
    }
    for name, run in judged.items():
        problem, detail, seen = "", "", None
        try:
            detail, seen = run()
        except (Failed, grpc.RpcError) as error:
            problem = str(error)
        tell({"name": name, "problem": problem, "detail": detail, "seen": seen})


def flood(echo, count, size):
    """One conversation of many messages, as fast as they go."""
    count, size = int(count), int(size)
    messages = (numbered(i, size) for i in range(count))
    call = open_channel(echo).stream_stream(SERVICE + "Chat")(messages, timeout=120)
    came = 0
    for message in call:
        if message != numbered(came, size):
            tell({"problem": f"message {came} is another"})
            return
        came += 1
    tell({"problem": "" if came == count else f"{came} of {count} came"})


def load(echo):
    """Calls until standard input ends, in the way of a service that must not see a restart."""
    channel = grpc.insecure_channel(echo)
    stop = threading.Event()
    failed = []
    calls = itertools.count()

    def short():
        answer = channel.unary_unary(SERVICE + "Unary")(b"short", timeout=LONGEST_CALL)
        return None if answer == b"short" else f"short: {answer}"

    def talk():
        def speak():
            for i in range(40):
                yield numbered(i, 1_000)
                time.sleep(0.02)

        heard = list(channel.stream_stream(SERVICE + "Chat")(speak(), timeout=LONGEST_CALL))
        return None if heard == [numbered(i, 1_000) for i in range(40)] else f"talk: {len(heard)} messages"

    def repeat(once, pause):
        while not stop.wait(pause):
            next(calls)
            try:
                problem = once()
            except grpc.RpcError as error:
                problem = f"{once.__name__}: {error.code().name} {error.details()}"
            if problem is not None:
                failed.append(problem)

    workers = [threading.Thread(target=repeat, args=(short, 0.01)) for _ in range(4)]
    workers += [threading.Thread(target=repeat, args=(talk, 0)) for _ in range(2)]
    for worker in workers:
        worker.start()
    tell({"event": "ready"})
    sys.stdin.read()
    stop.set()
    for worker in workers:
        worker.join()
    tell({"calls": next(calls), "failed": failed})


def tell(document):
    print(json.dumps(document), flush=True)


def main():
    mode, *arguments = sys.argv[1:]
    {"call": call, "flood": flood, "load": load}[mode](*arguments)


main()
