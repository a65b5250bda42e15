#include "client/cli/command_line.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <map>

#include "client/cli/commands.h"
#include "client/cli/completion.h"

namespace fintag::client {
namespace {

constexpr char kExamples[] = R"(Examples:
  fintag models import base --from ./bert-base-cased
  fintag datasets upload filings --train train.conll --validation dev.conll
  fintag jobs submit --dataset filings --base base --model tagger --watch
  fintag tag --model tagger "Acme Corp. borrowed from Silicon Valley Bank."

Exit status: 0 done, 1 failed, 2 wrong usage, 130 interrupted.)";

constexpr char kServer[] = "--server";
constexpr char kSecurity[] = "Security";

// What of the options that lead to the server stands on the command line. The environment tells the next command too.
std::string ServerOptions(const CLI::App& root) {
  std::string text;
  for (const CLI::Option* option : root.get_options()) {
    if (option->empty() || (option->get_group() != kSecurity && !option->check_name(kServer))) continue;
    const std::string value = option->results().back();
    const char* variable = std::getenv(option->get_envname().c_str());
    if (variable != nullptr && value == variable) continue;
    const bool flag = option->get_items_expected_max() == 0;
    text += " " + option->get_name();
    if (!flag) text += " " + ShellWord(value);
    if (flag && value != "true") text += "=" + value;
  }
  return text;
}

}  // namespace

std::unique_ptr<CLI::App> BuildCommandLine(Session& session) {
  auto root =
      std::make_unique<CLI::App>("Fine-tunes encoders to tag financial entities, and tags text with them.", "fintag");
  root->set_version_flag("--version", std::string("fintag ") + FINTAG_VERSION);
  root->set_help_flag("-h,--help", "Print this help and exit");
  root->footer(kExamples);
  // Lets the global options stand behind the command too.
  root->fallthrough();
  root->require_subcommand(1);

  root->add_option(kServer, session.server, "Where fintagd listens, HOST:PORT")
      ->envname("FINTAG_SERVER")
      ->default_str("localhost:50051")
      ->type_name("HOST:PORT");
  root->add_flag("--tls", session.security.tls, "Encrypt, and trust the authorities that this machine trusts")
      ->envname("FINTAG_TLS")
      ->group(kSecurity);
  const auto file = [&](const char* name, std::string& path, const char* help, const char* variable) {
    root->add_option(name, path, help)->envname(variable)->type_name("FILE")->group(kSecurity);
  };
  file("--tls-ca", session.security.ca_file, "Encrypt, and trust the authorities of this PEM file", "FINTAG_CA");
  file("--tls-cert", session.security.certificate_file, "This client's certificate, for mutual TLS",
       "FINTAG_CERTIFICATE");
  file("--tls-key", session.security.key_file, "Its private key", "FINTAG_KEY");
  file("--token-file", session.token_file, "Holds the token that the server knows (or FINTAG_TOKEN does)",
       "FINTAG_TOKEN_FILE");
  root->add_flag("--insecure-token", session.security.insecure_token,
                 "Send the token unencrypted, where something else encrypts the connection")
      ->group(kSecurity);
  root->add_flag("--json", session.json, "Print one JSON document and nothing else");
  root->add_option("--timeout", session.timeout_seconds, "Give up after this time (default 30; transfers 600)")
      ->check(CLI::Range(0.001, 1e9).description(""))
      ->type_name("SECONDS");
  const std::map<std::string, ColorChoice> choices = {
      {"auto", ColorChoice::kAuto}, {"always", ColorChoice::kAlways}, {"never", ColorChoice::kNever}};
  root->add_option_function<std::string>(
          "--color", [&session, choices](const std::string& name) { session.color = choices.at(name); },
          "When to use colours (default auto; NO_COLOR is honoured)")
      ->check(CLI::IsMember({"auto", "always", "never"}));

  AddDatasetsCommand(*root, session);
  AddModelsCommand(*root, session);
  AddJobsCommand(*root, session);
  AddTagCommand(*root, session);
  AddBenchCommand(*root, session);
  AddHealthCommand(*root, session);
  AddAuditCommand(*root, session);
  AddAdminCommand(*root, session);
  AddTokenCommand(*root, session);
  AddCompletionCommand(*root, session);
  return root;
}

int RunCommandLine(int argc, const char* const* argv, std::ostream& out, std::ostream& err) {
  Session session(out, err);
  session.server = "localhost:50051";
  const std::unique_ptr<CLI::App> root = BuildCommandLine(session);
  try {
    root->parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return root->exit(error, out, err) == 0 ? kDone : kWrongUsage;
  }
  session.server_options = ServerOptions(*root);
  if (!session.offline) {
    if (absl::StatusOr<Client> client = session.Connect(); !client.ok()) {
      return session.Misused(std::string(client.status().message()));
    }
  }
  const int status = session.action();
  out << std::flush;
  if (!out) {
    err << "error: the output cannot be written" << std::endl;
    return kFailed;
  }
  return status;
}

}  // namespace fintag::client
