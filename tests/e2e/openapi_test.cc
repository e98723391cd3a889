// Every request that the description of the API has as an example is sent to a daemon, and every
// answer is held against its schema.
#include <gmock/gmock.h>

#include <string>

#include "tests/support/daemon_fixture.h"
#include "tests/support/requirement.h"
#include "tests/support/schema_script.h"

namespace stagelog {
namespace {

constexpr const char* kRunner = R"(
import json, sys, urllib.request
import jsonschema
base, token = sys.argv[1:]
document = json.load(urllib.request.urlopen(base + '/openapi.json'))
resolver = jsonschema.RefResolver.from_schema(document)
def whole(node):
    return resolver.resolve(node['$ref'])[1] if '$ref' in node else node
def check(schema, instance):
    jsonschema.Draft202012Validator(schema, resolver=resolver,
                                    format_checker=jsonschema.FormatChecker()).validate(instance)
def send(method, path, operation, body, media_type, example):
    for parameter in map(whole, operation.get('parameters', [])):
        if parameter['in'] == 'path':
            check(parameter['schema'], parameter['example'])
            path = path.replace('{' + parameter['name'] + '}', parameter['example'])
    query = [p['name'] + '=' + p['example'] for p in map(whole, operation.get('parameters', []))
             if p['in'] == 'query' and 'example' in p]
    request = urllib.request.Request(base + path + ('?' + '&'.join(query) if query else ''),
                                     data=body, method=method.upper())
    request.add_header('Authorization', 'Bearer ' + token)
    if media_type:
        request.add_header('Content-Type', media_type)
    what = f'{method.upper()} {path} {example}'
    try:
        answer = urllib.request.urlopen(request, timeout=20)
    except urllib.error.HTTPError as refused:
        sys.exit(f'{what}: {refused.code} {refused.read().decode()}')
    response = operation['responses'].get(str(answer.status))
    if response is None:
        sys.exit(f'{what}: status {answer.status} is not described')
    response = whole(response)
    for name in response.get('headers', {}):
        if name != 'Link' and answer.headers[name] is None:
            sys.exit(f'{what}: no {name}')
    kind = (answer.headers['Content-Type'] or '').split(';')[0]
    if kind == 'text/event-stream':
        assert answer.readline().startswith(b'retry:')
        return
    content = response['content'].get(kind)
    if content is None:
        sys.exit(f'{what}: {kind} is not described')
    text = answer.read().decode()
    check(content['schema'], json.loads(text) if 'json' in kind else text)
count = 0
operations = [(method, path, operation) for path, item in document['paths'].items()
              for method, operation in item.items()]
operations.sort(key=lambda operation: operation[0] == 'delete')
for method, path, operation in operations:
    if (method, path) == ('delete', '/api/v1/session'):
        continue  # a token has no session to end
    sent = 0
    for media_type, content in operation.get('requestBody', {}).get('content', {}).items():
        for name, example in content.get('examples', {}).items():
            value = example['value']
            if 'json' in media_type and 'ndjson' not in media_type:
                check(content['schema'], value)
                value = json.dumps(value)
            send(method, path, operation, value.encode(), media_type, name)
            sent += 1
    if not sent:
        send(method, path, operation, None, None, '')
        sent = 1
    count += sent
def refuse(target, want):
    try:
        urllib.request.urlopen(base + target)
    except urllib.error.HTTPError as refused:
        check(document['components']['schemas']['Problem'], json.load(refused))
        assert refused.code == want
        return
    sys.exit(target + ' was not refused')
refuse('/api/v1/jobs', 401)
refuse('/nowhere', 404)
print(count)
)";

TEST_F(DaemonTest, ExamplesOfTheDescriptionAreAnsweredAsItSays) {
  if (!HasJsonSchema()) SKIP_TEST() << "python3-jsonschema is not installed";
  Start(std::string(kTestConfig) + "webhooks: {allow_private: true}\n");
  const std::string url = "http://127.0.0.1:" + std::to_string(daemon_->port());
  EXPECT_GE(RunSchemaScript(directory_.path(), kRunner, {url, std::string(kAdminToken)}, ""), 25);
}

}  // namespace
}  // namespace stagelog
