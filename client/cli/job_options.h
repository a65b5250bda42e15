// A job's specification as options of the command line.
#pragma once

#include <fintag/v1/training.pb.h>

#include <CLI/CLI.hpp>
#include <string>

#include "client/cli/table.h"

namespace fintag::client {

// Adds one option for each field of the specification; those given are set in `spec`, which must outlive `app`.
void AddJobOptions(CLI::App& app, fintag::v1::JobSpec& spec);

// The option behind a field of CreateJobRequest: "--epochs" of "spec.options.epochs".
std::string JobOptionOf(const std::string& field);

// The options that are set, by name.
void AddOptionFacts(const fintag::v1::TrainingOptions& options, Facts& facts);

}  // namespace fintag::client
