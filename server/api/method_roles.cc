#include "server/api/method_roles.h"

#include <algorithm>
#include <iterator>

namespace fintag::server {
namespace {

constexpr Role kViewer = Role::kViewer;
constexpr Role kTagger = Role::kTagger;
constexpr Role kTrainer = Role::kTrainer;
constexpr Role kAdmin = Role::kAdmin;
constexpr Effect kReads = Effect::kReads;
constexpr Effect kChanges = Effect::kChanges;

constexpr MethodRole kMethods[] = {
    {"fintag.v1.DatasetService/GetDataset", kViewer, kReads},
    {"fintag.v1.DatasetService/ListDatasets", kViewer, kReads},
    {"fintag.v1.DatasetService/UploadDataset", kTrainer, kChanges},
    {"fintag.v1.DatasetService/DeleteDataset", kAdmin, kChanges},

    {"fintag.v1.ModelService/GetModel", kViewer, kReads},
    {"fintag.v1.ModelService/ListModels", kViewer, kReads},
    {"fintag.v1.ModelService/ImportModel", kTrainer, kChanges},
    // A viewer sees what a model can do, but does not carry its weights away.
    {"fintag.v1.ModelService/ExportModel", kTrainer, kReads},
    {"fintag.v1.ModelService/DeleteModel", kAdmin, kChanges},

    {"fintag.v1.TrainingService/GetJob", kViewer, kReads},
    {"fintag.v1.TrainingService/ListJobs", kViewer, kReads},
    {"fintag.v1.TrainingService/WatchJob", kViewer, kReads},
    {"fintag.v1.TrainingService/ListJobProgress", kViewer, kReads},
    {"fintag.v1.TrainingService/CreateJob", kTrainer, kChanges},
    {"fintag.v1.TrainingService/CancelJob", kTrainer, kChanges},
    {"fintag.v1.TrainingService/DeleteJob", kAdmin, kChanges},

    {"fintag.v1.TaggingService/Tag", kTagger, kReads},
    {"fintag.v1.TaggingService/TagStream", kTagger, kReads},

    // All datasets, models and jobs at once, the audit log too.
    {"fintag.v1.AdminService/Backup", kAdmin, kReads},

    {"inference.GRPCInferenceService/ServerLive", kViewer, kReads},
    {"inference.GRPCInferenceService/ServerReady", kViewer, kReads},
    {"inference.GRPCInferenceService/ModelReady", kViewer, kReads},
    {"inference.GRPCInferenceService/ServerMetadata", kViewer, kReads},
    {"inference.GRPCInferenceService/ModelMetadata", kViewer, kReads},
    {"inference.GRPCInferenceService/ModelConfig", kViewer, kReads},
    {"inference.GRPCInferenceService/RepositoryIndex", kViewer, kReads},
    {"inference.GRPCInferenceService/ModelStatistics", kViewer, kReads},
    {"inference.GRPCInferenceService/ModelInfer", kTagger, kReads},
    {"inference.GRPCInferenceService/ModelStreamInfer", kTagger, kReads},
    // What is in memory is the operator's matter: an unloaded model is unavailable to everybody.
    {"inference.GRPCInferenceService/RepositoryModelLoad", kAdmin, kChanges},
    {"inference.GRPCInferenceService/RepositoryModelUnload", kAdmin, kChanges},

    // Load balancers and orchestrators have no token, and learn no more than whether the server serves.
    {"grpc.health.v1.Health/Check", std::nullopt, kReads},
    {"grpc.health.v1.Health/Watch", std::nullopt, kReads},
    {"grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kViewer, kReads},
};

}  // namespace

const MethodRole* FindMethodRole(std::string_view method) {
  const auto* found = std::find_if(std::begin(kMethods), std::end(kMethods),
                                   [&](const MethodRole& entry) { return entry.method == method; });
  return found == std::end(kMethods) ? nullptr : found;
}

bool ChangesState(std::string_view method) {
  const MethodRole* entry = FindMethodRole(method);
  return entry != nullptr && entry->effect == Effect::kChanges;
}

}  // namespace fintag::server
