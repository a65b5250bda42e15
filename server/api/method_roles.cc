#include "server/api/method_roles.h"

#include <algorithm>
#include <iterator>

namespace fintag::server {
namespace {

constexpr Role kViewer = Role::kViewer;
constexpr Role kTagger = Role::kTagger;
constexpr Role kTrainer = Role::kTrainer;
constexpr Role kAdmin = Role::kAdmin;

constexpr MethodRole kMethods[] = {
    {"fintag.v1.DatasetService/GetDataset", kViewer},
    {"fintag.v1.DatasetService/ListDatasets", kViewer},
    {"fintag.v1.DatasetService/UploadDataset", kTrainer},
    {"fintag.v1.DatasetService/DeleteDataset", kAdmin},

    {"fintag.v1.ModelService/GetModel", kViewer},
    {"fintag.v1.ModelService/ListModels", kViewer},
    {"fintag.v1.ModelService/ImportModel", kTrainer},
    // A viewer sees what a model can do, but does not carry its weights away.
    {"fintag.v1.ModelService/ExportModel", kTrainer},
    {"fintag.v1.ModelService/DeleteModel", kAdmin},

    {"fintag.v1.TrainingService/GetJob", kViewer},
    {"fintag.v1.TrainingService/ListJobs", kViewer},
    {"fintag.v1.TrainingService/WatchJob", kViewer},
    {"fintag.v1.TrainingService/ListJobProgress", kViewer},
    {"fintag.v1.TrainingService/CreateJob", kTrainer},
    {"fintag.v1.TrainingService/CancelJob", kTrainer},
    {"fintag.v1.TrainingService/DeleteJob", kAdmin},

    {"fintag.v1.TaggingService/Tag", kTagger},
    {"fintag.v1.TaggingService/TagStream", kTagger},

    // All datasets, models and jobs at once, the audit log too.
    {"fintag.v1.AdminService/Backup", kAdmin},

    {"inference.GRPCInferenceService/ServerLive", kViewer},
    {"inference.GRPCInferenceService/ServerReady", kViewer},
    {"inference.GRPCInferenceService/ModelReady", kViewer},
    {"inference.GRPCInferenceService/ServerMetadata", kViewer},
    {"inference.GRPCInferenceService/ModelMetadata", kViewer},
    {"inference.GRPCInferenceService/ModelConfig", kViewer},
    {"inference.GRPCInferenceService/RepositoryIndex", kViewer},
    {"inference.GRPCInferenceService/ModelStatistics", kViewer},
    {"inference.GRPCInferenceService/ModelInfer", kTagger},
    {"inference.GRPCInferenceService/ModelStreamInfer", kTagger},
    // What is in memory is the operator's matter: an unloaded model is unavailable to everybody.
    {"inference.GRPCInferenceService/RepositoryModelLoad", kAdmin},
    {"inference.GRPCInferenceService/RepositoryModelUnload", kAdmin},

    // Load balancers and orchestrators have no token, and learn no more than whether the server serves.
    {"grpc.health.v1.Health/Check", std::nullopt},
    {"grpc.health.v1.Health/Watch", std::nullopt},
    {"grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kViewer},
};

}  // namespace

const MethodRole* FindMethodRole(std::string_view method) {
  const auto* found = std::find_if(std::begin(kMethods), std::end(kMethods),
                                   [&](const MethodRole& entry) { return entry.method == method; });
  return found == std::end(kMethods) ? nullptr : found;
}

}  // namespace fintag::server
