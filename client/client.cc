#include "client/client.h"

#include <algorithm>
#include <random>

#include "absl/strings/str_cat.h"
#include "client/connection.h"
#include "client/request_id.h"
#include "client/utf8.h"

namespace fintag::client {
namespace {

// Follows the pages of a list. `list` is the stub's method, `take` moves a page's items out.
template <typename Item, typename Request, typename Response, typename List, typename Items>
absl::StatusOr<std::vector<Item>> AllPages(Connection& connection, int32_t limit, List list, Items items) {
  constexpr int32_t kPage = 200;
  std::vector<Item> all;
  Request request;
  for (;;) {
    const int32_t left = limit > 0 ? limit - static_cast<int32_t>(all.size()) : kPage;
    request.set_page_size(std::min(left, kPage));
    Response response;
    absl::Status status =
        connection.Run(connection.options.timeout, Repeat::kUnavailable,
                       [&](grpc::ClientContext& context) { return FromGrpc(list(&context, request, &response)); });
    if (!status.ok()) return status;
    for (Item& item : *items(response)) all.push_back(std::move(item));
    if (response.next_page_token().empty() || (limit > 0 && static_cast<int32_t>(all.size()) >= limit)) return all;
    request.set_page_token(response.next_page_token());
  }
}

// A call with one request and one answer. `method` is a pointer to the stub's method.
template <typename Response, typename Stub, typename Request, typename Method>
absl::StatusOr<Response> Call(Connection& connection, Repeat repeat, Stub& stub, Method method,
                              const Request& request) {
  Response response;
  absl::Status status = connection.Run(connection.options.timeout, repeat, [&](grpc::ClientContext& context) {
    return FromGrpc((stub.*method)(&context, request, &response));
  });
  if (!status.ok()) return status;
  return response;
}

template <typename Request>
Request Named(const std::string& collection, const std::string& name) {
  Request request;
  request.set_name(FullName(collection, name));
  return request;
}

absl::Status CheckName(const std::string& name) {
  if (FindInvalidUtf8(name).has_value()) return absl::InvalidArgumentError("the name is not UTF-8");
  return absl::OkStatus();
}

absl::Status CheckUtf8(const std::string& text, const std::string& place) {
  const std::optional<size_t> byte = FindInvalidUtf8(text);
  if (!byte.has_value()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(place, " is not UTF-8 at byte ", *byte));
}

// `add` puts the inputs into the request.
template <typename Add>
absl::StatusOr<fintag::v1::TagResponse> TagInputs(Connection& connection, const std::string& model,
                                                  const fintag::v1::TagOptions& options, const Add& add) {
  if (absl::Status status = CheckName(model); !status.ok()) return status;
  fintag::v1::TagRequest request;
  request.set_model(FullName("models", model));
  *request.mutable_options() = options;
  if (absl::Status status = add(request); !status.ok()) return status;
  return Call<fintag::v1::TagResponse>(connection, Repeat::kFull, *connection.tagging,
                                       &fintag::v1::TaggingService::Stub::Tag, request);
}

}  // namespace

absl::StatusOr<Client> Client::Connect(const Options& options) {
  absl::StatusOr<std::shared_ptr<Connection>> connection = Connection::Open(options);
  if (!connection.ok()) return connection.status();
  return Client(*std::move(connection));
}

const Options& Client::options() const { return connection_->options; }

void Client::CancelAll() { connection_->CancelAll(); }

absl::StatusOr<fintag::v1::Dataset> Client::GetDataset(const std::string& dataset) {
  if (absl::Status status = CheckName(dataset); !status.ok()) return status;
  return Call<fintag::v1::Dataset>(*connection_, Repeat::kUnavailable, *connection_->datasets,
                                   &fintag::v1::DatasetService::Stub::GetDataset,
                                   Named<fintag::v1::GetDatasetRequest>("datasets", dataset));
}

absl::StatusOr<std::vector<fintag::v1::Dataset>> Client::ListDatasets(int32_t limit) {
  return AllPages<fintag::v1::Dataset, fintag::v1::ListDatasetsRequest, fintag::v1::ListDatasetsResponse>(
      *connection_, limit,
      [&](auto* context, const auto& request, auto* response) {
        return connection_->datasets->ListDatasets(context, request, response);
      },
      [](auto& response) { return response.mutable_datasets(); });
}

absl::Status Client::DeleteDataset(const std::string& dataset) {
  if (absl::Status status = CheckName(dataset); !status.ok()) return status;
  return Call<fintag::v1::DeleteDatasetResponse>(*connection_, Repeat::kNever, *connection_->datasets,
                                                 &fintag::v1::DatasetService::Stub::DeleteDataset,
                                                 Named<fintag::v1::DeleteDatasetRequest>("datasets", dataset))
      .status();
}

absl::StatusOr<fintag::v1::Model> Client::GetModel(const std::string& model) {
  if (absl::Status status = CheckName(model); !status.ok()) return status;
  return Call<fintag::v1::Model>(*connection_, Repeat::kUnavailable, *connection_->models,
                                 &fintag::v1::ModelService::Stub::GetModel,
                                 Named<fintag::v1::GetModelRequest>("models", model));
}

absl::StatusOr<std::vector<fintag::v1::Model>> Client::ListModels(int32_t limit) {
  return AllPages<fintag::v1::Model, fintag::v1::ListModelsRequest, fintag::v1::ListModelsResponse>(
      *connection_, limit,
      [&](auto* context, const auto& request, auto* response) {
        return connection_->models->ListModels(context, request, response);
      },
      [](auto& response) { return response.mutable_models(); });
}

absl::Status Client::DeleteModel(const std::string& model) {
  if (absl::Status status = CheckName(model); !status.ok()) return status;
  return Call<fintag::v1::DeleteModelResponse>(*connection_, Repeat::kNever, *connection_->models,
                                               &fintag::v1::ModelService::Stub::DeleteModel,
                                               Named<fintag::v1::DeleteModelRequest>("models", model))
      .status();
}

absl::StatusOr<fintag::v1::Job> Client::CreateJob(const fintag::v1::JobSpec& spec, const CreateJobOptions& options) {
  fintag::v1::CreateJobRequest request;
  *request.mutable_spec() = spec;
  for (const std::string* name : {&spec.dataset(), &spec.base(), &spec.model(), &options.request_id}) {
    if (absl::Status status = CheckName(*name); !status.ok()) return status;
  }
  if (!spec.dataset().empty()) request.mutable_spec()->set_dataset(FullName("datasets", spec.dataset()));
  if (!spec.base().empty()) request.mutable_spec()->set_base(FullName("models", spec.base()));
  if (!spec.model().empty()) request.mutable_spec()->set_model(FullName("models", spec.model()));
  request.set_request_id(options.request_id.empty() ? NewRequestId() : options.request_id);
  request.set_validate_only(options.validate_only);
  return Call<fintag::v1::Job>(*connection_, Repeat::kUnavailable, *connection_->training,
                               &fintag::v1::TrainingService::Stub::CreateJob, request);
}

absl::StatusOr<fintag::v1::Job> Client::GetJob(const std::string& job) {
  if (absl::Status status = CheckName(job); !status.ok()) return status;
  return Call<fintag::v1::Job>(*connection_, Repeat::kUnavailable, *connection_->training,
                               &fintag::v1::TrainingService::Stub::GetJob,
                               Named<fintag::v1::GetJobRequest>("jobs", job));
}

absl::StatusOr<std::vector<fintag::v1::Job>> Client::ListJobs(int32_t limit) {
  return AllPages<fintag::v1::Job, fintag::v1::ListJobsRequest, fintag::v1::ListJobsResponse>(
      *connection_, limit,
      [&](auto* context, const auto& request, auto* response) {
        return connection_->training->ListJobs(context, request, response);
      },
      [](auto& response) { return response.mutable_jobs(); });
}

absl::StatusOr<fintag::v1::Job> Client::CancelJob(const std::string& job) {
  if (absl::Status status = CheckName(job); !status.ok()) return status;
  return Call<fintag::v1::Job>(*connection_, Repeat::kNever, *connection_->training,
                               &fintag::v1::TrainingService::Stub::CancelJob,
                               Named<fintag::v1::CancelJobRequest>("jobs", job));
}

absl::Status Client::DeleteJob(const std::string& job) {
  if (absl::Status status = CheckName(job); !status.ok()) return status;
  return Call<fintag::v1::DeleteJobResponse>(*connection_, Repeat::kNever, *connection_->training,
                                             &fintag::v1::TrainingService::Stub::DeleteJob,
                                             Named<fintag::v1::DeleteJobRequest>("jobs", job))
      .status();
}

absl::StatusOr<fintag::v1::TagResponse> Client::Tag(const std::string& model, const std::vector<std::string>& texts,
                                                    const fintag::v1::TagOptions& options) {
  return TagInputs(*connection_, model, options, [&](fintag::v1::TagRequest& request) {
    for (const std::string& text : texts) {
      if (absl::Status status = CheckUtf8(text, absl::StrCat("text ", request.inputs_size() + 1)); !status.ok()) {
        return status;
      }
      request.add_inputs()->set_text(text);
    }
    return absl::OkStatus();
  });
}

absl::StatusOr<fintag::v1::TagResponse> Client::TagWords(const std::string& model,
                                                         const std::vector<std::vector<std::string>>& sentences,
                                                         const fintag::v1::TagOptions& options) {
  return TagInputs(*connection_, model, options, [&](fintag::v1::TagRequest& request) {
    for (const std::vector<std::string>& sentence : sentences) {
      fintag::v1::Words& words = *request.add_inputs()->mutable_words();
      for (const std::string& word : sentence) {
        const std::string place = absl::StrCat("sentence ", request.inputs_size(), ", word ", words.words_size() + 1);
        if (absl::Status status = CheckUtf8(word, place); !status.ok()) return status;
        words.add_words(word);
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace fintag::client
