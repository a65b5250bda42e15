"""Our proto/inference beside a client's own descriptors."""
import subprocess
import sys

from conftest import ROOT
from google.protobuf import descriptor_pb2


def our_messages(folder):
    """Messages and enums of proto/inference by name, each as {field or value: (number, type, repeated)}."""
    out = folder / "inference.binpb"
    protos = sorted(p.relative_to(ROOT / "proto").as_posix() for p in (ROOT / "proto/inference").glob("*.proto"))
    subprocess.run([sys.executable, "-m", "grpc_tools.protoc", f"-I{ROOT / 'proto'}", f"--descriptor_set_out={out}",
                    *protos], check=True)
    files = descriptor_pb2.FileDescriptorSet.FromString(out.read_bytes()).file
    return messages_of(files), methods_of(files)


def messages_of(files):
    found = {}

    def add(prefix, message):
        name = f"{prefix}.{message.name}"
        found[name] = {f.name: (f.number, f.type, f.type_name, f.label == f.LABEL_REPEATED) for f in message.field}
        for nested in message.nested_type:
            add(name, nested)
    for file in files:
        for message in file.message_type:
            add(file.package, message)
        for enum in file.enum_type:
            found[f"{file.package}.{enum.name}"] = {v.name: v.number for v in enum.value}
    return found


def methods_of(files):
    return {f"{file.package}.{service.name}/{m.name}": (m.input_type, m.output_type, m.client_streaming,
                                                        m.server_streaming)
            for file in files for service in file.service for m in service.method}


def as_files(*modules):
    return [descriptor_pb2.FileDescriptorProto.FromString(m.DESCRIPTOR.serialized_pb) for m in modules]


def differences(ours, theirs):
    """What both sides have and write otherwise, and what ours has alone."""
    return sorted((name, field) for name, fields in ours.items() for field, value in fields.items()
                  if theirs.get(name, {}).get(field) != value)
