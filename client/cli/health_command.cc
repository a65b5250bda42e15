// fintag health: what a container's or a cluster's health check runs.
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"

namespace fintag::client {
namespace {

std::string HealthText(Health health) {
  switch (health) {
    case Health::kServing:
      return "SERVING";
    case Health::kNotServing:
      return "NOT_SERVING";
    case Health::kUnknown:
      break;
  }
  return "UNKNOWN";
}

int CheckHealth(const Session& session, const std::string& service) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  absl::StatusOr<Health> health = client->CheckHealth(service);
  if (!health.ok()) return session.Fail(health.status());
  if (session.json) {
    session.PrintJson(Json{{"service", service}, {"status", HealthText(*health)}});
  } else {
    session.Print(absl::StrCat(service.empty() ? session.server : service, "  ", HealthText(*health), "\n"));
  }
  return *health == Health::kServing ? kDone : kFailed;
}

}  // namespace

void AddHealthCommand(CLI::App& root, Session& session) {
  CLI::App* health = root.add_subcommand("health", "Whether the server takes calls; exit status 1 if not");
  health->footer(R"(Examples:
  fintag health
  fintag --timeout 3 health --service fintag.v1.TaggingService
Asks grpc.health.v1.Health once, without trying again.)");
  auto service = std::make_shared<std::string>();
  health->add_option("--service", *service, "One gRPC service by its full name (default: the server as a whole)")
      ->type_name("NAME");
  health->callback(
      [&session, service] { session.action = [&session, service] { return CheckHealth(session, *service); }; });
}

}  // namespace fintag::client
