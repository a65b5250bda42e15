#include "core/training/job_spec.h"

#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "core/training/training_json.h"

namespace fintag {

std::string JobSpecJson(const JobSpec& spec) {
  const nlohmann::json object = {{"job", spec.job},
                                 {"base", spec.base.string()},
                                 {"base_sha256", spec.base_sha256},
                                 {"train", spec.train.string()},
                                 {"validation", spec.validation.string()},
                                 {"train_name", spec.train_name},
                                 {"validation_name", spec.validation_name},
                                 {"train_sha256", spec.train_sha256},
                                 {"validation_sha256", spec.validation_sha256},
                                 {"trace_id", spec.trace_id},
                                 {"options", ToJson(spec.options)},
                                 {"keep_state", spec.keep_state}};
  return Dump(object, 2) + "\n";
}

absl::StatusOr<JobSpec> ParseJobSpec(std::string_view json) {
  const nlohmann::json object = nlohmann::json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::InvalidArgumentError("job.json is not a JSON object");
  JobSpec spec;
  std::vector<std::string> errors;
  std::string base, train, validation;
  const std::vector<std::pair<std::string, std::string*>> fields = {{"job", &spec.job},
                                                                    {"base", &base},
                                                                    {"base_sha256", &spec.base_sha256},
                                                                    {"train", &train},
                                                                    {"validation", &validation},
                                                                    {"train_name", &spec.train_name},
                                                                    {"validation_name", &spec.validation_name},
                                                                    {"train_sha256", &spec.train_sha256},
                                                                    {"validation_sha256", &spec.validation_sha256},
                                                                    {"trace_id", &spec.trace_id}};
  std::set<std::string, std::less<>> known = {"options", "keep_state"};
  for (const auto& [name, text] : fields) {
    known.insert(name);
    const auto found = object.find(name);
    if (found == object.end()) continue;
    if (found->is_string()) {
      *text = found->get<std::string>();
    } else {
      errors.push_back(absl::StrCat(name, ": must be a string, is ", Dump(*found)));
    }
  }
  for (const auto& [name, value] : object.items()) {
    if (!known.contains(name)) errors.push_back(absl::StrCat(name, ": no such field"));
  }
  if (const auto keep = object.find("keep_state"); keep != object.end()) {
    if (keep->is_boolean()) {
      spec.keep_state = keep->get<bool>();
    } else {
      errors.push_back(absl::StrCat("keep_state: must be true or false, is ", Dump(*keep)));
    }
  }
  spec.base = base;
  spec.train = train;
  spec.validation = validation;
  if (errors.empty() && base.empty()) errors.push_back("base: is missing");
  if (errors.empty() && train.empty()) errors.push_back("train: is missing");
  if (spec.train_name.empty()) spec.train_name = spec.train.filename().string();
  if (spec.validation_name.empty()) spec.validation_name = spec.validation.filename().string();
  if (const auto options = object.find("options"); options != object.end()) {
    absl::StatusOr<TrainingOptions> parsed = TrainingOptionsFromJson(*options);
    if (parsed.ok()) {
      spec.options = *std::move(parsed);
    } else {
      errors.emplace_back(parsed.status().message());
    }
  }
  if (!errors.empty()) return absl::InvalidArgumentError(absl::StrCat("job.json: ", absl::StrJoin(errors, "\n")));
  return spec;
}

}  // namespace fintag
