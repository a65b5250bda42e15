#include "server/jobs/slurm_commands.h"

#include <stdlib.h>
#include <unistd.h>

#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "core/text/strings.h"
#include "server/jobs/command.h"
#include "server/jobs/job_folder.h"
#include "server/jobs/slurm_script.h"
#include "server/jobs/trainer_environment.h"

namespace fintag::server {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);  // with one command

std::string Trimmed(const std::string& text) { return std::string(absl::StripAsciiWhitespace(text)); }

}  // namespace

absl::StatusOr<std::vector<SlurmListing>> SlurmCommands::List() const {
  absl::StatusOr<std::string> listed =
      Ask({"squeue", "--me", "--noheader", "--states=all", StrCat("--format=", kSlurmListFormat)});
  if (!listed.ok()) return listed.status();
  return ParseSlurmListing(*listed);
}

absl::StatusOr<std::string> SlurmCommands::Submit(const std::filesystem::path& folder, const std::string& name) const {
  const absl::StatusOr<JobSpec> spec = JobFolder(folder).ReadSpec();
  if (!spec.ok()) return absl::InvalidArgumentError(spec.status().message());
  const int32_t processes = spec->options.processes;
  // Those of the operator first: what finds and ends the job again must hold.
  std::vector<std::string> arguments = {"sbatch"};
  arguments.insert(arguments.end(), options_.slurm_options.begin(), options_.slurm_options.end());
  // The environment is what this process gives sbatch, and that is little. A job that lost its node is not for Slurm to
  // begin anew: its log has events already.
  for (const char* argument : {"--parsable", "--export=ALL", "--no-requeue", "--open-mode=append", "--input=/dev/null",
                               "--output=trainer.out", "--error=trainer.out"}) {
    arguments.emplace_back(argument);
  }
  arguments.push_back(StrCat("--ntasks=", processes));
  arguments.push_back(StrCat("--job-name=", name));
  arguments.push_back(StrCat("--chdir=", folder.string()));
  std::vector<std::string> environment = TrainerEnvironment(environ, folder);
  if (const char* conf = getenv("SLURM_CONF"); conf != nullptr) environment.push_back(StrCat("SLURM_CONF=", conf));
  const std::string script = SlurmScript(options_.trainer, folder, options_.limits, processes);
  absl::StatusOr<CommandResult> result = RunCommand(arguments, script, environment, kPatience, stopped_);
  if (!result.ok()) return result.status();
  // "4711", or "4711;cluster" where there are several.
  if (result->exit_status == 0) return Trimmed(result->output.substr(0, result->output.find(';')));
  const std::string errors = Trimmed(result->errors);
  if (IsSlurmTrouble(errors)) return absl::UnavailableError(errors);
  return absl::InvalidArgumentError(errors);
}

absl::StatusOr<WorkerExit> SlurmCommands::ReadEnd(const std::string& id) const {
  absl::StatusOr<std::string> line = Ask({"scontrol", "--oneliner", "show", "job", id});
  if (absl::IsNotFound(line.status())) return WorkerExit();
  if (!line.ok()) return line.status();
  return ParseSlurmEnd(*line);
}

absl::Status SlurmCommands::Cancel(const std::string& id, const std::string& how) const {
  absl::Status sent = Ask({"scancel", how, id}).status();
  return absl::IsNotFound(sent) ? absl::OkStatus() : sent;
}

// Standard output. NOT_FOUND where Slurm knows no such job, or knows that it ends.
absl::StatusOr<std::string> SlurmCommands::Ask(const std::vector<std::string>& arguments) const {
  std::vector<std::string> environment = {"LC_ALL=C"};
  for (const char* name : {"PATH", "SLURM_CONF"}) {
    if (const char* value = getenv(name); value != nullptr) environment.push_back(StrCat(name, "=", value));
  }
  absl::StatusOr<CommandResult> result = RunCommand(arguments, "", environment, kPatience, stopped_);
  if (!result.ok()) return result.status();
  if (result->exit_status == 0) return std::move(result->output);
  const std::string errors = Trimmed(result->errors);
  for (const char* gone : {"Invalid job id", "already completing or completed"}) {
    if (errors.find(gone) != std::string::npos) return absl::NotFoundError(errors);
  }
  return absl::UnavailableError(StrCat(arguments.front(), ": ", errors));
}

}  // namespace fintag::server
