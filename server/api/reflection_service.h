// grpc.reflection.v1alpha.ServerReflection, by which tools such as grpcurl learn the contract. gRPC brings one of its
// own, but calls to that would pass by RunCall, and so by who may call.
#pragma once

#include <grpc/reflection/v1alpha/reflection.grpc.pb.h>

#include "server/api/call.h"

namespace fintag::server {

class ReflectionService final : public grpc::reflection::v1alpha::ServerReflection::Service {
 public:
  explicit ReflectionService(const CallEnvironment& environment) : environment_(environment) {}

  grpc::Status ServerReflectionInfo(
      grpc::ServerContext* context,
      grpc::ServerReaderWriter<grpc::reflection::v1alpha::ServerReflectionResponse,
                               grpc::reflection::v1alpha::ServerReflectionRequest>* stream) override;

 private:
  const CallEnvironment environment_;
};

}  // namespace fintag::server
