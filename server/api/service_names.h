// The gRPC services of the server by their full names.
#pragma once

#include <fintag/v1/admin.grpc.pb.h>
#include <fintag/v1/dataset.grpc.pb.h>
#include <fintag/v1/model.grpc.pb.h>
#include <fintag/v1/tagging.grpc.pb.h>
#include <fintag/v1/training.grpc.pb.h>
#include <inference/service.grpc.pb.h>

namespace fintag::server {

// Those that do the work. gRPC's health service may be asked for each of them.
inline constexpr const char* kWorkingServices[] = {
    fintag::v1::DatasetService::service_full_name(), fintag::v1::ModelService::service_full_name(),
    fintag::v1::TaggingService::service_full_name(), fintag::v1::TrainingService::service_full_name(),
    fintag::v1::AdminService::service_full_name(),   inference::GRPCInferenceService::service_full_name()};
// Those that tell of the server.
inline constexpr const char* kTellingServices[] = {"grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"};

}  // namespace fintag::server
