using Macro.Core;

namespace Macro.Peers;

/// <summary>What to do with an answer; null: there was none, or no proper one.</summary>
delegate void AnswerHandler(DirectoryMessage? answer, Instant now);

/// <summary>Questions that wait or are under way: so many at once, and fewer to one relay.</summary>
sealed class QuestionQueue(SamplerOptions options)
{
    readonly LinkedList<Question> _waiting = [];
    readonly Dictionary<int, Question> _open = [];
    readonly Dictionary<NodeId, int> _load = [];
    int _next;

    sealed record Question(SignedDescriptor Relay, DirectoryMessage Message, AnswerHandler Then);

    public bool IsEmpty => _waiting.Count + _open.Count == 0;

    public void Ask(SignedDescriptor relay, DirectoryMessage message, AnswerHandler then) => _waiting.AddLast(new Question(relay, message, then));

    /// <summary>The first that waits and whose relay has not its share to do already.</summary>
    public bool TryTake(out SamplerRequest request)
    {
        request = null!;
        if (_open.Count >= options.Window)
            return false;
        for (var node = _waiting.First; node is not null; node = node.Next)
        {
            var question = node.Value;
            if (_load.GetValueOrDefault(question.Relay.Id) >= options.WindowOfSource)
                continue;
            _waiting.Remove(node);
            _load[question.Relay.Id] = _load.GetValueOrDefault(question.Relay.Id) + 1;
            _open.Add(_next, question);
            request = new SamplerRequest(_next++, question.Relay, DirectoryCodec.Encode(question.Message));
            return true;
        }
        return false;
    }

    public bool TryFinish(int number, out AnswerHandler then)
    {
        then = null!;
        if (!_open.Remove(number, out var question))
            return false;
        _load[question.Relay.Id]--;
        then = question.Then;
        return true;
    }
}
