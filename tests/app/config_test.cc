#include "app/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/sha256.h"
#include "tests/support/temporary_directory.h"

namespace stagelog {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

Config Parse(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "test.yaml");
  EXPECT_TRUE(config.has_value()) << (config ? "" : ::testing::PrintToString(config.error()));
  return config.value_or(Config{});
}

ConfigProblems ProblemsOf(const std::string& yaml) {
  const auto config = ParseConfig(yaml, "test.yaml");
  return config ? ConfigProblems{} : config.error();
}

// A document whose only section is auth.tokens, with the lines of its list.
std::string Tokens(const std::string& lines) { return "auth:\n  tokens:\n" + lines; }

TEST(ConfigTest, ShippedFileHoldsExactlyTheDefaults) {
  const auto config = LoadConfig(STAGELOG_SHIPPED_CONFIG);
  ASSERT_TRUE(config.has_value()) << ::testing::PrintToString(config.error());
  EXPECT_EQ(*config, Config{});
  EXPECT_TRUE(config->UsesDefaultToken());
}

TEST(ConfigTest, ShippedFileShowsEveryKey) {
  const YAML::Node shipped = YAML::LoadFile(STAGELOG_SHIPPED_CONFIG);
  for (const std::string_view path : ConfigKeys()) {
    const size_t dot = path.find('.');
    const YAML::Node section = shipped[std::string(path.substr(0, dot))];
    EXPECT_TRUE(section && section[std::string(path.substr(dot + 1))]) << path;
  }
  EXPECT_THAT(ConfigKeys(), SizeIs(32));
}

TEST(ConfigTest, DefaultsAreTheContract) {
  const Config config;
  EXPECT_EQ(config.server.host, "127.0.0.1");
  EXPECT_EQ(config.server.port, 8008);
  EXPECT_EQ(config.server.log_level, LogLevel::kInfo);
  EXPECT_EQ(config.storage.runs_dir, "runs");
  EXPECT_EQ(config.limits.request_bytes, 16777216u);
  EXPECT_EQ(config.limits.bodies_in_flight_bytes, 268435456u);
  EXPECT_EQ(config.limits.append_queue_bytes, 67108864u);
  EXPECT_EQ(config.stream.ring_bytes, 8388608u);
  EXPECT_EQ(config.stream.job_ring_bytes, 1048576u);
}

TEST(ConfigTest, ALogLevelMayBeSpelledInAnyWay) {
  const auto level = [](const std::string& word) {
    return Parse("server: {log_level: " + word + "}").server.log_level;
  };
  EXPECT_EQ(level("WARN"), LogLevel::kWarning);
  EXPECT_EQ(level("err"), LogLevel::kError);
  EXPECT_EQ(level("Fatal"), LogLevel::kCritical);
  EXPECT_EQ(level("Trace"), LogLevel::kTrace);
  EXPECT_EQ(level("OFF"), LogLevel::kOff);
}

TEST(ConfigTest, EmptyDocumentAndEmptySectionStandForDefaults) {
  EXPECT_EQ(Parse(""), Config{});
  EXPECT_EQ(Parse("# nothing\n"), Config{});
  EXPECT_EQ(Parse("---\n"), Config{});
  EXPECT_EQ(Parse("server:\n  # host: 127.0.0.1\n"), Config{});
}

TEST(ConfigTest, ReadsEveryKind) {
  const Config config = Parse(
      "server: {host: '::1', port: 0, log_level: warning, hosts: [journal.example.org],\n"
      "         allowed_origins: ['*', 'http://localhost:5173']}\n"
      "storage: {runs_dir: /data/runs, open_files: 16}\n"
      "limits: {request_bytes: 1024, head_timeout_seconds: 3}\n"
      "stream: {retry_ms: 1, reader_threads: 2}\n");
  EXPECT_EQ(config.server.host, "::1");
  EXPECT_EQ(config.server.port, 0);
  EXPECT_EQ(config.server.log_level, LogLevel::kWarning);
  EXPECT_THAT(config.server.hosts, ElementsAre("journal.example.org"));
  EXPECT_THAT(config.server.allowed_origins, ElementsAre("*", "http://localhost:5173"));
  EXPECT_EQ(config.storage.runs_dir, "/data/runs");
  EXPECT_EQ(config.storage.open_files, 16u);
  EXPECT_EQ(config.limits.request_bytes, 1024u);
  EXPECT_EQ(config.limits.head_timeout_seconds, 3);
  EXPECT_EQ(config.stream.retry_ms, 1);
  EXPECT_EQ(config.stream.reader_threads, 2);
}

TEST(ConfigTest, TokensAreKeptAsTheirDigestOnly) {
  const std::string digest = Sha256Hex("a-token-of-ci-1");
  std::string upper_case = digest;
  for (char& c : upper_case) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  const Config config =
      Parse(Tokens("    - {name: ci, token: a-token-of-ci-1, roles: [writer]}\n"));
  EXPECT_THAT(config.tokens, ElementsAre(TokenEntry{"ci", digest, {Role::kWriter}}));
  const Config hashed = Parse(
      Tokens("    - name: ci\n      token_sha256: " + upper_case + "\n      roles: [writer]\n"));
  EXPECT_EQ(hashed, config);
}

TEST(ConfigTest, ManyTokensAndRoles) {
  const Config config =
      Parse(Tokens("    - {name: gpu-3, token: 12345678, roles: [writer, approver]}\n"
                   "    - {name: eye, token: look-look, roles: [reader]}\n"));
  ASSERT_THAT(config.tokens, SizeIs(2));
  EXPECT_EQ(config.tokens[0].sha256_hex, Sha256Hex("12345678"));
  EXPECT_THAT(config.tokens[0].roles, ElementsAre(Role::kWriter, Role::kApprover));
  EXPECT_FALSE(config.UsesDefaultToken());
}

TEST(ConfigTest, OneValueStandsForAListOfIt) {
  const Config config = Parse("server: {allowed_origins: \"*\", hosts: a.example}\n" +
                              Tokens("    - {name: a, token: long-enough, roles: writer}\n"));
  EXPECT_THAT(config.server.allowed_origins, ElementsAre("*"));
  EXPECT_THAT(config.server.hosts, ElementsAre("a.example"));
  EXPECT_THAT(config.tokens.at(0).roles, ElementsAre(Role::kWriter));
}

TEST(ConfigTest, AStarWithoutQuotesIsExplained) {
  for (const char* star : {"*", "[*]", "[http://a, *]"}) {
    EXPECT_THAT(ProblemsOf("server:\n  allowed_origins: " + std::string(star) + "\n"),
                ElementsAre(AllOf(StartsWith("test.yaml:"), HasSubstr("in quotes: \"*\""))))
        << star;
  }
}

class TokenSourceTest : public ::testing::Test {
 protected:
  // The configuration is in the same folder as `name`.
  void WriteFile(const std::string& name, const std::string& text) {
    std::ofstream(directory_.Path(name), std::ios::binary) << text;
  }
  tl::expected<Config, ConfigProblems> Read(const std::string& entry) {
    WriteFile("operator.yaml", Tokens("    - {name: ci, roles: [writer], " + entry + "}\n"));
    return LoadConfig(directory_.Path("operator.yaml"));
  }
  void ExpectToken(const std::string& entry, const std::string& token) {
    const auto config = Read(entry);
    ASSERT_TRUE(config) << ::testing::PrintToString(config.error());
    EXPECT_THAT(config->tokens, ElementsAre(TokenEntry{"ci", Sha256Hex(token), {Role::kWriter}}));
  }
  void ExpectProblem(const std::string& entry, const std::string& says) {
    const auto config = Read(entry);
    ASSERT_FALSE(config) << entry;
    EXPECT_THAT(config.error(),
                ElementsAre(AllOf(HasSubstr("operator.yaml:3: auth.tokens[0].token_"),
                                  HasSubstr(says), Not(HasSubstr("SECRET")))));
  }

  TemporaryDirectory directory_;
};

TEST_F(TokenSourceTest, AFileBesideTheConfigurationOrAnywhere) {
  WriteFile("ci.token", "a-token-of-ci-1\n");
  ExpectToken("token_file: ci.token", "a-token-of-ci-1");
  ExpectToken("token_file: " + directory_.Path("ci.token"), "a-token-of-ci-1");
  WriteFile("ci.token", " a-token-of-ci-2\r\n\n");
  ExpectToken("token_file: ./ci.token", "a-token-of-ci-2");
  // As secrets are mounted.
  std::filesystem::create_symlink("ci.token", directory_.Path("link"));
  ExpectToken("token_file: link", "a-token-of-ci-2");
}

TEST_F(TokenSourceTest, WhatIsWrongWithAFileIsSaidWithoutItsText) {
  ExpectProblem("token_file: SECRET.token", "cannot read the file: No such file");
  ExpectProblem("token_file: SECRET.token",
                "; relative paths are resolved from " + directory_.path());
  ExpectProblem("token_file: /", "cannot read the file: Is a directory");
  ExpectProblem("token_file: ''", "must be the path");
  WriteFile("SECRET", "");
  ExpectProblem("token_file: SECRET", "the token in the file must be 8 to 1024");
  WriteFile("SECRET", "SECRETsecret1\nSECRETsecret2\n");
  ExpectProblem("token_file: SECRET", "the token in the file must be 8 to 1024");
  WriteFile("SECRET", std::string(100'000, 'S'));
  ExpectProblem("token_file: SECRET", "the token in the file must be 8 to 1024");
}

TEST_F(TokenSourceTest, TheEnvironment) {
  ::setenv("STAGELOG_TEST_TOKEN", "a-token-of-ci-3", 1);
  ExpectToken("token_env: STAGELOG_TEST_TOKEN", "a-token-of-ci-3");
  ::setenv("STAGELOG_TEST_TOKEN", "SECRET", 1);
  ExpectProblem("token_env: STAGELOG_TEST_TOKEN", "the token in the environment variable must be");
  ::setenv("STAGELOG_TEST_TOKEN", "", 1);
  ExpectProblem("token_env: STAGELOG_TEST_TOKEN", "is unset or empty");
  ::unsetenv("STAGELOG_TEST_TOKEN");
  ExpectProblem("token_env: STAGELOG_TEST_TOKEN", "is unset or empty");
  ExpectProblem("token_env: $SECRET", "must be the name of an environment variable");
}

TEST_F(TokenSourceTest, ATokenHasOneSource) {
  WriteFile("ci.token", "a-token-of-ci-1\n");
  const auto config = Read("token_file: ci.token, token: a-token-of-ci-1");
  ASSERT_FALSE(config);
  EXPECT_THAT(config.error(), ElementsAre(HasSubstr("must have exactly one of the keys")));
}

TEST(ChangedKeysTest, NamesThemInTheOrderOfTheFile) {
  EXPECT_THAT(ChangedKeys(Config{}, Config{}), IsEmpty());
  Config other;
  other.stream.retry_ms = 5;
  other.server.port = 1;
  other.tokens.clear();
  other.server.allowed_origins = {"*"};
  EXPECT_THAT(ChangedKeys(Config{}, other), ElementsAre("server.port", "server.allowed_origins",
                                                        "auth.tokens", "stream.retry_ms"));
}

TEST(ConfigProblemsTest, AllAreReportedAtOnceWithFileAndLine) {
  EXPECT_THAT(
      ProblemsOf("server:\n"
                 "  prot: 8008\n"
                 "  host: [a]\n"
                 "stream:\n"
                 "  retry_ms: soon\n"
                 "  retry_ms: 5\n"
                 "limits: 12\n"
                 "streem: {}\n"),
      ElementsAre("test.yaml:2: server.'prot': unknown key; did you mean "
                  "'server.port'?",
                  "test.yaml:3: server.host: must be text, not a list",
                  "test.yaml:5: stream.retry_ms: must be a whole number from 1 to 3600000, "
                  "not 'soon'",
                  "test.yaml:6: stream.retry_ms: duplicate key, first given on line 5; keep one",
                  "test.yaml:7: limits: must be a mapping of keys to values, not '12'",
                  "test.yaml:8: 'streem': unknown key; did you mean 'stream'?"));
}

TEST(ConfigProblemsTest, KeyInTheWrongSectionIsShownItsPlace) {
  EXPECT_THAT(ProblemsOf("port: 8008\n"),
              ElementsAre("test.yaml:1: 'port': unknown key; did you mean "
                          "'server.port'?"));
  EXPECT_THAT(ProblemsOf("server:\n  runs_dir: x\n"),
              ElementsAre(HasSubstr("did you mean 'storage.runs_dir'?")));
}

TEST(ConfigProblemsTest, SectionGivenTwice) {
  EXPECT_THAT(ProblemsOf("server: {port: 1}\nstorage:\nserver: {port: 2}\n"),
              ElementsAre("test.yaml:3: server: duplicate key, first given on line 1; keep one"));
}

TEST(ConfigProblemsTest, DocumentIsNoMapping) {
  EXPECT_THAT(ProblemsOf("just words\n"),
              ElementsAre("test.yaml:1: must be a mapping of keys to values, not 'just words'"));
  EXPECT_THAT(ProblemsOf("- server\n"),
              ElementsAre("test.yaml:1: must be a mapping of keys to values, not a list"));
}

TEST(ConfigProblemsTest, SyntaxErrorNamesItsLine) {
  EXPECT_THAT(ProblemsOf("server:\n  port: 8008\n bad\n"),
              ElementsAre(StartsWith("test.yaml:3: invalid YAML: ")));
  EXPECT_THAT(ProblemsOf("server: {\n"), ElementsAre(HasSubstr("invalid YAML: ")));
  EXPECT_THAT(ProblemsOf("server: \t- {\n"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("server:\n---\nserver:\n"),
              ElementsAre(HasSubstr("second YAML document")));
}

// yaml-cpp finds another document behind it for ever.
TEST(ConfigProblemsTest, ABracketThatWasNeverOpenedIsAProblem) {
  for (const char* text : {"{}]} : x\n", "a: b\n}\n", "]\n", "\n , roles: [reader]}b\n"}) {
    EXPECT_THAT(ProblemsOf(text), Not(testing::IsEmpty())) << text;
  }
}

TEST(ConfigProblemsTest, DeepAndLargeDocumentsAreRefused) {
  EXPECT_THAT(ProblemsOf(std::string(100'000, '[')), SizeIs(1));
  EXPECT_THAT(ProblemsOf("server: {host: " + std::string(500'000, '{')), SizeIs(1));
  EXPECT_THAT(ProblemsOf(std::string((1 << 20) + 1, '#')), ElementsAre(HasSubstr("1 MiB")));
}

TEST(ConfigProblemsTest, NumbersAreWholePlainAndInRange) {
  for (const char* port : {"-1", "65536", "80.0", "0x50", "'80'", "eighty", "~", "[80]", "{a: 1}",
                           "99999999999999999999", "80 81", "1_000", "true"}) {
    EXPECT_THAT(ProblemsOf("server:\n  port: " + std::string(port) + "\n"),
                ElementsAre(StartsWith("test.yaml:2: server.port: must be a whole number from 0 to "
                                       "65535, not ")))
        << port;
  }
  EXPECT_THAT(ProblemsOf("storage: {open_files: 15}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("storage: {open_files: 65537}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("storage: {events_retention_days: -1}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("storage: {max_events_per_job: some}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("storage: {runs_retention_days: 36501}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("storage: {compress_after_days: 0.5}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("storage: {backup_dir: ''}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("limits: {request_bytes: 1023}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("stream: {reader_threads: 0}"), SizeIs(1));
}

TEST(ConfigProblemsTest, TextsFollowTheirRules) {
  EXPECT_THAT(ProblemsOf("server: {host: 'http://x'}"), ElementsAre(HasSubstr("server.host: ")));
  EXPECT_THAT(ProblemsOf("server: {host: '[::1]'}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("server: {host: ''}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("server: {host: }"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("server: {log_level: loud}"),
              ElementsAre(HasSubstr("must be one of trace debug info warning error critical off, "
                                    "not 'loud'")));
  EXPECT_THAT(ProblemsOf("server: {hosts: {a: 1}}"),
              ElementsAre(HasSubstr("must be a list, not a mapping")));
  EXPECT_THAT(ProblemsOf("server:\n  hosts:\n    - ok.example\n    - 'no:80'\n"),
              ElementsAre(StartsWith("test.yaml:4: server.hosts[1]: must be a host name")));
  EXPECT_THAT(ProblemsOf("server: {allowed_origins: ['http://a/', 'http://b:80', 'ftp://c']}"),
              SizeIs(3));
  EXPECT_THAT(ProblemsOf("storage: {runs_dir: ''}"), SizeIs(1));
  EXPECT_THAT(ProblemsOf("storage: {runs_dir: \"a\\0b\"}"), SizeIs(1));
}

TEST(ConfigProblemsTest, OneRequestFitsIntoEveryBudget) {
  EXPECT_THAT(
      ProblemsOf("limits:\n  request_bytes: 1073741824\n"),
      ElementsAre(StartsWith("test.yaml:2: limits.bodies_in_flight_bytes: must be at least"),
                  StartsWith("test.yaml:2: limits.append_queue_bytes: must be at least")));
  EXPECT_THAT(ProblemsOf("limits:\n  append_queue_bytes: 4096\n"),
              ElementsAre(StartsWith("test.yaml:2: limits.append_queue_bytes: must be at least "
                                     "limits.request_bytes (16777216), not 4096")));
}

TEST(ConfigProblemsTest, WhatTheFileSaysIsShownWithoutControlCharacters) {
  EXPECT_THAT(ProblemsOf("server: {port: \"\\e[2J\\n\"}"), ElementsAre(HasSubstr("'?[2J?'")));
  EXPECT_THAT(ProblemsOf("server: {port: " + std::string(5000, '9') + "}"),
              ElementsAre(AllOf(HasSubstr("...'"), Not(HasSubstr(std::string(100, '9'))))));
}

TEST(ConfigProblemsTest, TokenEntriesAreComplete) {
  EXPECT_THAT(ProblemsOf(Tokens("    - {}\n")),
              ElementsAre("test.yaml:3: auth.tokens[0]: missing key 'name'",
                          "test.yaml:3: auth.tokens[0]: missing key 'roles'",
                          "test.yaml:3: auth.tokens[0]: must have exactly one of the keys 'token', "
                          "'token_sha256', 'token_file' and 'token_env'"));
  EXPECT_THAT(ProblemsOf("auth: {tokens: []}"), ElementsAre(HasSubstr("at least one token")));
  EXPECT_THAT(ProblemsOf("auth: {tokens: }"), ElementsAre(HasSubstr("must be a list")));
  EXPECT_THAT(ProblemsOf(Tokens("    - {name: a, token: long-enough, token_sha256: " +
                                Sha256Hex("x") + ", roles: [admin]}\n")),
              ElementsAre(HasSubstr("must have exactly one of the keys")));
  EXPECT_THAT(
      ProblemsOf(Tokens("    - {name: a, token: long-enough, roles: []}\n")),
      ElementsAre(StartsWith("test.yaml:3: auth.tokens[0].roles: must list at least one of")));
}

TEST(ConfigProblemsTest, TokenEntriesDifferInNameAndToken) {
  EXPECT_THAT(ProblemsOf(Tokens("    - {name: a, token: long-enough, roles: [admin]}\n"
                                "    - {name: a, token: other-token, roles: [admin]}\n"
                                "    - {name: b, token: long-enough, roles: [reader]}\n")),
              ElementsAre(StartsWith("test.yaml:4: auth.tokens[1]: duplicate name"),
                          StartsWith("test.yaml:5: auth.tokens[2]: duplicate token")));
}

TEST(ConfigProblemsTest, UnknownRoleNamesTheNearest) {
  EXPECT_THAT(ProblemsOf(Tokens("    - {name: a, token: long-enough, roles: [writr]}\n")),
              ElementsAre("test.yaml:3: auth.tokens[0].roles[0]: must be one of reader writer "
                          "approver admin; did you mean 'writer'?"));
}

// A token where something else belongs, and something else where a token belongs.
TEST(ConfigProblemsTest, NoTokenIsEverShown) {
  for (const char* lines : {
           "  tokens:\n    - SECRETsecret1\n",
           "  tokens:\n    - {SECRETsecret1: [admin]}\n",
           "  tokens:\n    - {SECRETsecret1: 1, SECRETsecret1: 2}\n",
           "  tokens:\n    - {name: a, tokne: SECRETsecret1, roles: [admin]}\n",
           "  tokens:\n    - {name: a, token: 'SECRETsecret1 with blank', roles: [admin]}\n",
           "  tokens:\n    - {name: a, token: [SECRETsecret1], roles: [admin]}\n",
           "  tokens:\n    - {name: a, token: {SECRETsecret1: 1}, roles: [admin]}\n",
           "  tokens:\n    - {name: 'SECRETsecret1!', token: x, roles: [admin]}\n",
           "  tokens:\n    - {name: a, token_sha256: SECRETsecret1, roles: [admin]}\n",
           "  tokens:\n    - {name: a, token: long-enough, roles: SECRETsecret1}\n",
           "  tokens:\n    - {name: a, token_file: SECRETsecret1, roles: [admin]}\n",
           "  tokens:\n    - {name: a, token_file: [SECRETsecret1], roles: [admin]}\n",
           "  tokens:\n    - {name: a, token_env: SECRETsecret1, roles: [admin]}\n",
           "  tokens:\n    - {name: a, token_env: SECRETsecret-1, roles: [admin]}\n",
           "  tokens:\n    - {name: a, token: long-enough, roles: [SECRETsecret1]}\n",
           "  tokens:\n    - {name: a, token: *SECRETsecret1, roles: [admin]}\n",
           "  tokens:\n    - {name: a, token: \"\\SECRETsecret1\", roles: [admin]}\n",
           "  tokens:\n    SECRETsecret1\n",
           "  tokens:\n    SECRETsecret1: {roles: [admin]}\n",
           "  SECRETsecret1: [admin]\n",
           "  SECRETsecret1\n",
           "  - SECRETsecret1\n",
       }) {
    EXPECT_THAT(ProblemsOf(std::string("auth:\n") + lines),
                AllOf(Not(IsEmpty()), Each(Not(HasSubstr("SECRET")))))
        << lines;
  }
}

TEST(ConfigProblemsTest, TokenRules) {
  const auto with_token = [](const std::string& token) {
    return ProblemsOf(Tokens("    - {name: a, roles: [admin], token: \"" + token + "\"}\n"));
  };
  EXPECT_THAT(with_token("12345678"), IsEmpty());
  EXPECT_THAT(with_token("1234567"), SizeIs(1));
  EXPECT_THAT(with_token("1234 5678"), SizeIs(1));
  EXPECT_THAT(with_token("1234\\t5678"), SizeIs(1));
  EXPECT_THAT(with_token("schl\u00fcssel"), SizeIs(1));
  EXPECT_THAT(with_token(std::string(1024, 'x')), IsEmpty());
  EXPECT_THAT(with_token(std::string(1025, 'x')), SizeIs(1));
}

TEST(LoadConfigTest, FileThatCannotBeRead) {
  const auto missing = LoadConfig("/nonexistent/operator.yaml");
  ASSERT_FALSE(missing.has_value());
  EXPECT_THAT(missing.error(),
              ElementsAre("/nonexistent/operator.yaml: cannot read the file: No such "
                          "file or directory"));
  const auto folder = LoadConfig("/");
  ASSERT_FALSE(folder.has_value());
  EXPECT_THAT(folder.error(), ElementsAre("/: cannot read the file: Is a directory"));
}

TEST(DefaultTokenTest, IsServedOnLoopbackOnly) {
  Config config;
  for (const char* host : {"127.0.0.1", "127.1.2.3", "::1", "localhost", "LocalHost"}) {
    config.server.host = host;
    EXPECT_TRUE(CheckDefaultTokenIsLocal(config).has_value()) << host;
  }
  for (const char* host : {"0.0.0.0", "::", "192.168.1.5", "myhost", "127.evil.example", "127.1",
                           "localhost.example.org", "::ffff:127.0.0.1"}) {
    config.server.host = host;
    const Status status = CheckDefaultTokenIsLocal(config);
    ASSERT_FALSE(status.has_value()) << host;
    EXPECT_THAT(status.error().message,
                AllOf(HasSubstr("refuses to start on any other address"), HasSubstr("auth.tokens"),
                      HasSubstr(std::string("'") + host + "'")));
  }
}

TEST(DefaultTokenTest, IsKnownByItsDigestAndUnderAnyName) {
  Config config = Parse("server: {host: 0.0.0.0}\n" +
                        Tokens("    - {name: a, token: fine-token, roles: [admin]}\n"
                               "    - {name: b, roles: [reader], token_sha256: " +
                               Sha256Hex(kDefaultToken) + "}\n"));
  EXPECT_TRUE(config.UsesDefaultToken());
  EXPECT_FALSE(CheckDefaultTokenIsLocal(config).has_value());
  config.tokens.pop_back();
  EXPECT_TRUE(CheckDefaultTokenIsLocal(config).has_value());
}

}  // namespace
}  // namespace stagelog
