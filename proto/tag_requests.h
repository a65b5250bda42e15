// How requests to tag are read off the wire. protobuf gives up a message at a string that is not UTF-8, and gRPC then
// answers INTERNAL without a word, or ends a stream as though it were complete. Here such a message reaches the service
// as far as it was read, the wrong string at its end, so that the service refuses it by field and byte. The build
// includes this file in tagging.grpc.pb.h, since every user of a message must see the same traits, and makes the
// handler of unary calls ask for them by the message's own type; generated code asks for those of any message.
#pragma once

#include <fintag/v1/tagging.pb.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <string>

namespace fintag::v1 {

// Whether a text that services check themselves is the reason why `request` could not be read on.
template <typename Request>
bool HasInvalidUtf8(const Request& request) {
  const auto invalid = [](const std::string& text) {
    return !google::protobuf::internal::IsStructurallyValidUTF8(text);
  };
  if (invalid(request.model())) return true;
  if (request.inputs().empty()) return false;
  const TextInput& last = *request.inputs().rbegin();
  return invalid(last.text()) || (last.words().words_size() > 0 && invalid(*last.words().words().rbegin()));
}

template <typename Request>
struct TagRequestTraits {
  static grpc::Status Serialize(const google::protobuf::MessageLite& request, grpc::ByteBuffer* bytes, bool* owned) {
    return grpc::GenericSerialize<grpc::ProtoBufferWriter, Request>(request, bytes, owned);
  }
  static grpc::Status Deserialize(grpc::ByteBuffer* bytes, Request* request) {
    const grpc::Status status = grpc::GenericDeserialize<grpc::ProtoBufferReader, Request>(bytes, request);
    return !status.ok() && HasInvalidUtf8(*request) ? grpc::Status::OK : status;
  }
};

}  // namespace fintag::v1

namespace grpc {

template <>
class SerializationTraits<fintag::v1::TagRequest> : public fintag::v1::TagRequestTraits<fintag::v1::TagRequest> {};
template <>
class SerializationTraits<fintag::v1::TagStreamRequest>
    : public fintag::v1::TagRequestTraits<fintag::v1::TagStreamRequest> {};

}  // namespace grpc
