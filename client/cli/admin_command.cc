// fintag admin backup
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/cli/commands.h"
#include "client/cli/figures.h"
#include "client/cli/interrupt.h"

namespace fintag::client {
namespace {

std::string Counted(int64_t count, const std::string& what) {
  return absl::StrCat(WithCommas(count), " ", what, count == 1 ? "" : "s");
}

int Backup(const Session& session, const std::string& file) {
  absl::StatusOr<Client> client = session.Connect();
  if (!client.ok()) return session.Fail(client.status());
  const Terminal err = session.err();
  LiveLine line(err);
  // So that Ctrl-C takes the unfinished file away.
  Interrupt interrupt([&client] { client->CancelAll(); });
  absl::StatusOr<BackupFile> backup = client->Backup(file, TransferBar(session, line, err, "backing up"));
  line.Clear();
  if (interrupt.happened()) return kInterrupted;
  if (!backup.ok()) return session.Fail(backup.status());
  const fintag::v1::BackupStart& content = backup->content;
  if (session.json) {
    Json json = ToJson(content);
    json["file"] = file;
    json["size_bytes"] = backup->size_bytes;
    json["sha256"] = backup->sha256;
    return session.PrintJson(json);
  }
  return session.Print(absl::StrCat("Backed up ", Counted(content.datasets(), "dataset"), ", ",
                                    Counted(content.model_versions(), "model version"), " and ",
                                    Counted(content.jobs(), "job"), " as of ", TimeText(content.create_time()), " to ",
                                    file, " (", SizeText(backup->size_bytes), ").\n"));
}

}  // namespace

void AddAdminCommand(CLI::App& root, Session& session) {
  CLI::App* group = root.add_subcommand("admin", "What an operator asks of a server");
  group->require_subcommand(1);
  group->footer(R"(Examples:
  fintag admin backup fintag.tar)");

  CLI::App* backup = group->add_subcommand("backup", "Write all that the server stores into one file, while it works");
  backup->footer(R"(Examples:
  fintag admin backup fintag.tar
  fintag admin backup fintag.tar --timeout 7200 --json

fintagd --restore FILE --data-dir DIR makes a data folder of it again.)");
  auto file = std::make_shared<std::string>();
  backup->add_option("FILE", *file, "The archive; replaced, if it is there, once the new one is whole")
      ->required()
      ->type_name("");
  backup->callback([&session, file] { session.action = [&session, file] { return Backup(session, *file); }; });
}

}  // namespace fintag::client
