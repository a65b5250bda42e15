#include "server/server_options.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <thread>

#include "core/version.h"

namespace fintag::server {
namespace {

// "HOST:PORT" with the port in 0 to 65,535; "[::1]:50051" too.
bool SplitAddress(const std::string& address, std::string& host, int& port) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos || colon == 0) return false;
  host = address.substr(0, colon);
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  const std::string number = address.substr(colon + 1);
  if (number.empty() || number.size() > 5 || number.find_first_not_of("0123456789") != std::string::npos) return false;
  port = std::stoi(number);
  return port <= 65535;
}

std::string CheckAddress(const std::string& address) {
  std::string host;
  int port = 0;
  return SplitAddress(address, host, port) ? "" : "must be HOST:PORT, is " + address;
}

absl::Status CheckSecurity(const ServerOptions& options) {
  std::string host;
  int port = 0;
  SplitAddress(options.api.listen, host, port);
  absl::Status status = CheckSecurityOptions(options.security);
  if (status.ok()) status = CheckExposure(options.security, "--listen", host);
  if (status.ok()) status = CheckExposure(options.security, "--metrics-listen", options.metrics_host);
  return status;
}

}  // namespace

ParsedOptions ParseServerOptions(int argc, char** argv) {
  ParsedOptions parsed;
  ServerOptions& options = parsed.options;
  std::string metrics_listen = "localhost:9464";
  std::string log_format = "text", launcher = "local", role = "all";
  bool no_page = false;

  CLI::App app("Fintag's server: fine-tuning jobs, models and entity tagging over gRPC.", "fintagd");
  app.set_version_flag("--version", std::string("fintagd ") + kVersion);
  app.set_config("--config", "", "Read options from this file (TOML, names as here without the dashes)");
  app.add_option("--data-dir", options.data_dir, "Folder for datasets, models and jobs; made if it is not there")
      ->required();
  app.add_option("--restore", options.restore,
                 "Make the data folder, which must be new or empty, of this backup (`fintag admin backup`), and end")
      ->configurable(false);
  app.add_option("--role", role,
                 "all, or serve: a replica that tags with the models of the server whose data folder this is, "
                 "takes no jobs and writes nothing")
      ->check(CLI::IsMember({"all", "serve"}))
      ->capture_default_str();
  app.add_option("--primary", options.primary,
                 "HOST:PORT of the server that a replica follows: named to callers who want what it does not do")
      ->check(CheckAddress);
  app.add_option("--listen", options.api.listen, "HOST:PORT of the gRPC API")
      ->check(CheckAddress)
      ->capture_default_str();
  app.add_option("--metrics-listen", metrics_listen, "HOST:PORT of /metrics, /healthz, /readyz and the status page")
      ->check(CheckAddress)
      ->capture_default_str();
  app.add_flag("--no-page", no_page, "Serve no status page beside the metrics");
  app.add_option(
         "--page-hosts", options.page_hosts,
         "Names that the page is served under, with commas between them; localhost stands for all of loopback's, "
         "* for any. Default: localhost where --metrics-listen is on loopback, else any")
      ->delimiter(',');

  auto* security = app.add_option_group("Security", "Files are PEM, and taken anew when they change");
  security->add_option("--tls-cert", options.security.tls.certificate, "Certificate chain: TLS for gRPC and HTTP");
  security->add_option("--tls-key", options.security.tls.key, "Its private key");
  security->add_option("--tls-client-ca", options.security.tls.client_ca,
                       "Mutual TLS: clients show a certificate of this authority");
  security->add_option("--tokens", options.security.tokens,
                       "Who may call, a line each: NAME ROLE sha256:HEX, as `fintag token new` prints it");
  security->add_flag("--insecure", options.security.insecure,
                     "Listen beyond loopback without TLS and tokens or client certificates");

  app.add_option("--log-format", log_format, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--device", options.models.tagger.device, "Where models tag: auto, cpu or cuda")
      ->check(CLI::IsMember({"auto", "cpu", "cuda"}))
      ->capture_default_str();
  app.add_option("--precision", options.models.tagger.precision,
                 "What models tag in: fp32, bf16, int8 (CPU alone), or auto: the fastest that "
                 "loses at most 0.002 of F1, for each version; fp32 for those that were not trained here")
      ->check(CLI::IsMember({"auto", "fp32", "bf16", "int8"}))
      ->capture_default_str();
  app.add_option("--threads", options.models.tagger.threads, "Threads of one model's forward pass; 0: all processors")
      ->check(CLI::Range(0, 4096))
      ->capture_default_str();
  app.add_option("--trainer", options.jobs.trainer, "The program fintag-train; default: beside fintagd");
  app.add_option("--launcher", launcher,
                 "Where trainers run: local (beside the server) or slurm (as jobs of the cluster; the data folder and "
                 "the trainer are at the same path on every node)")
      ->check(CLI::IsMember({"local", "slurm"}))
      ->capture_default_str();
  app.add_option("--slurm-option", options.jobs.slurm_options,
                 "For sbatch, once for each: \"--partition=gpu\"; the job's name, folders and output are the server's")
      ->allow_extra_args(false);

  auto* limits = app.add_option_group("Limits");
  const auto positive = CLI::Range(int64_t{1}, int64_t{1} << 50);
  const auto limit = [&](const char* name, auto& value, const char* help) {
    limits->add_option(name, value, help)->check(positive)->capture_default_str();
  };
  limit("--max-running-jobs", options.jobs.max_running_jobs, "Trainers at once; the other jobs wait in order");
  limits
      ->add_option("--trainer-memory", options.jobs.limits.memory_bytes,
                   "Memory of one trainer, in bytes or as 8GB, mapped files and the GPU's not counted; a job that asks "
                   "for more fails with \"out of memory\". Default: no limit")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(CLI::Range(int64_t{128} << 20, int64_t{1} << 50));  // with less no trainer comes as far as to say so
  limits
      ->add_option("--max-restarts", options.jobs.max_restarts,
                   "How often a job whose trainer was killed or lost is started again from its last epoch; the trainer "
                   "then keeps its state, thrice its weights, in the job's folder")
      ->check(CLI::Range(0, 1000))
      ->capture_default_str();
  limits
      ->add_option("--max-processes", options.max_processes,
                   "Trainers that one job may ask for; default: the processors (2 at least), or 1,024 with slurm")
      ->check(CLI::Range(1, 1024));
  limit("--max-message-bytes", options.api.max_message_bytes, "Largest gRPC message");
  limit("--max-calls", options.max_calls, "gRPC calls at once, beside the job watches");
  limits->add_option("--max-caller-calls", options.callers.calls, "Calls of one caller at once; default: no limit")
      ->check(positive);
  limits
      ->add_option("--max-caller-rate", options.callers.requests_per_second,
                   "Requests of one caller a second; default: no limit")
      ->check(CLI::Range(0.001, 1e9));
  limits
      ->add_option("--max-caller-tokens-per-minute", options.callers.tokens_per_minute,
                   "Tokens that one caller may have tagged a minute; default: no limit")
      ->check(positive);
  limits
      ->add_option("--max-caller-jobs", options.max_caller_jobs,
                   "Jobs of one caller that wait or run; default: no limit")
      ->check(positive);
  limits
      ->add_option("--max-caller-bytes", options.max_caller_bytes,
                   "Datasets and models that one caller may have stored, in bytes or as 500MB, 2GB; default: no limit")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(positive);
  limit("--max-text-bytes", options.tagging.max_text_bytes, "Largest text to tag");
  limit("--max-texts", options.tagging.max_texts, "Texts in one tag request");
  limit("--max-queue-tokens", options.models.scheduler.max_queue_tokens, "Tokens that may wait for one model");
  limit("--max-batch-tokens", options.models.scheduler.max_batch_tokens, "Tokens in one forward pass");
  limits
      ->add_option("--model-memory", options.models.max_memory_bytes,
                   "Weights in memory, in bytes or as 500MB, 2GB; models unused for longest make room")
      ->transform(CLI::AsSizeValue(/*kb_is_1000=*/false))
      ->check(positive)
      ->capture_default_str();
  limit("--max-dataset-bytes", options.max_dataset_bytes, "Largest dataset");
  limit("--max-model-bytes", options.max_model_bytes, "Largest model import");
  limit("--max-watchers", options.max_watchers, "Open job watches");
  limit("--stop-seconds", options.stop_seconds, "Time for calls under way when the server is told to stop");

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 prints help, version or what is wrong; wrong usage is 2.
    parsed.exit_status = app.exit(error) == 0 ? 0 : 2;
    return parsed;
  }
  SplitAddress(metrics_listen, options.metrics_host, options.metrics_port);
  if (absl::Status status = CheckSecurity(options); !status.ok()) {
    std::fprintf(stderr, "fintagd: %s\n", std::string(status.message()).c_str());
    parsed.exit_status = 2;
    return parsed;
  }
  if (!options.jobs.slurm_options.empty() && launcher != "slurm") {
    std::fprintf(stderr, "fintagd: --slurm-option goes with --launcher slurm\n");
    parsed.exit_status = 2;
    return parsed;
  }
  options.follow = role == "serve";
  options.page = !no_page && !options.follow;  // most of what it shows is the other server's
  options.jobs.slurm = launcher == "slurm";
  // A signal goes through the scheduler, and to another machine.
  if (options.jobs.slurm) options.jobs.cancel_seconds = 10;
  if (options.max_processes == 0) {
    const auto processors = static_cast<int32_t>(std::thread::hardware_concurrency());
    options.max_processes = options.jobs.slurm ? 1024 : std::max(2, processors);
  }
  options.log_format = log_format == "json" ? LogFormat::kJson : LogFormat::kText;
  return parsed;
}

}  // namespace fintag::server
