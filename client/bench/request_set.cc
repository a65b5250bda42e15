#include "client/bench/request_set.h"

#include <fintag/v1/tagging.pb.h>
#include <grpcpp/support/slice.h>
#include <inference/infer.pb.h>

#include <algorithm>
#include <random>

#include "client/connection.h"

namespace fintag::bench {
namespace {

using Texts = std::vector<const std::string*>;

std::string TagMessage(const Options& options, const Texts& texts) {
  fintag::v1::TagRequest request;
  request.set_model(client::FullName("models", options.model));
  for (const std::string* text : texts) request.add_inputs()->set_text(*text);
  return request.SerializeAsString();
}

// With typed contents, the form that servers take whether or not they know raw_input_contents.
std::string InferMessage(const Options& options, const Texts& texts) {
  inference::ModelInferRequest request;
  request.set_model_name(options.model);
  inference::ModelInferRequest::InferInputTensor& tensor = *request.add_inputs();
  tensor.set_name(options.input);
  tensor.set_datatype("BYTES");
  tensor.add_shape(static_cast<int64_t>(texts.size()));
  for (const std::string* text : texts) tensor.mutable_contents()->add_bytes_contents(*text);
  return request.SerializeAsString();
}

}  // namespace

RequestSet::RequestSet(const Options& options, std::vector<std::string> texts) {
  const bool ours = options.protocol == Protocol::kFintag;
  method_ = ours ? "/fintag.v1.TaggingService/Tag" : "/inference.GRPCInferenceService/ModelInfer";
  std::shuffle(texts.begin(), texts.end(), std::mt19937_64(options.seed));
  const size_t each = static_cast<size_t>(options.texts);
  for (size_t first = 0; first < texts.size(); first += each) {
    Texts chosen;
    PreparedRequest prepared;
    for (size_t i = first; i < first + each; ++i) {
      chosen.push_back(&texts[i % texts.size()]);
      prepared.text_bytes += static_cast<int64_t>(chosen.back()->size());
    }
    const grpc::Slice bytes(ours ? TagMessage(options, chosen) : InferMessage(options, chosen));
    prepared.message = grpc::ByteBuffer(&bytes, 1);
    requests_.push_back(std::move(prepared));
  }
}

}  // namespace fintag::bench
