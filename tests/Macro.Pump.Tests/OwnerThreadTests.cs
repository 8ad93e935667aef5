using Macro.Core;
using Macro.Linux;

namespace Macro.Pump.Tests;

[Collection(nameof(Alone))]
public sealed class OwnerThreadTests : IDisposable
{
    static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    readonly BootClock _clock = new();
    readonly State _state = new();
    readonly OwnerThread _owner;

    public OwnerThreadTests() => _owner = new OwnerThread("test owner", _state, _clock, letters: 16);

    public void Dispose() => _owner.Dispose();

    [Fact]
    public async Task Hands_letters_over_in_order_and_whole()
    {
        _state.Expect(12);
        for (var i = 0; i < 12; i++)
            Assert.True(_owner.TryPost(new Letter { Kind = i, Subject = "peer", Remote = new Endpoint(IpAddress.V4Loopback, (ushort)i), Bytes = Enumerable.Repeat((byte)i, i * 300).ToArray() }));

        _owner.Start();
        await _state.Arrived.WaitAsync(s_patience);

        Assert.Equal(Enumerable.Range(0, 12).Select(i => (i, (object?)"peer", (int)(ushort)i, i * 300, (byte)i)), _state.Letters);
    }

    [Fact]
    public void Refuses_letters_that_find_no_slot_and_counts_them()
    {
        var posted = Enumerable.Range(0, 100).Count(_ => _owner.TryPost(new Letter { Bytes = [1] }));

        Assert.Equal(14, posted);
        Assert.Equal(86, _owner.Overflow);
    }

    [Fact]
    public void Keeps_slots_for_urgent_letters_in_a_flood()
    {
        while (_owner.TryPost(new Letter { Bytes = [1] })) { }

        Assert.True(_owner.TryPost(new Letter { Kind = 7, Rank = LetterRank.Urgent }));
    }

    [Fact]
    public void A_flood_of_lesser_letters_takes_a_sixteenth_of_the_slots_and_no_more()
    {
        var lesser = Enumerable.Range(0, 100).Count(_ => _owner.TryPost(new Letter { Bytes = [1], Rank = LetterRank.Lesser }));
        var ordinary = Enumerable.Range(0, 100).Count(_ => _owner.TryPost(new Letter { Bytes = [1] }));

        Assert.Equal((1, 13), (lesser, ordinary));
    }

    [Fact]
    public async Task A_lesser_letter_that_was_taken_makes_room_for_another()
    {
        _state.Expect(1);
        Assert.True(_owner.TryPost(new Letter { Rank = LetterRank.Lesser }));
        Assert.False(_owner.TryPost(new Letter { Rank = LetterRank.Lesser }));

        _owner.Start();
        await _state.Arrived.WaitAsync(s_patience);

        Assert.True(_owner.TryPost(new Letter { Rank = LetterRank.Lesser }));
    }

    [Fact]
    public async Task Wakes_for_the_next_timeout()
    {
        _state.NextTimeout = _clock.Now + TimeSpan.FromMilliseconds(30);
        var due = _state.NextTimeout;

        _owner.Start();
        var called = await _state.TimedOut.WaitAsync(s_patience);

        Assert.True(called >= due);
    }

    [Fact]
    public async Task Runs_posted_work_on_its_own_thread_and_flushes_after_it()
    {
        _owner.Start();

        var name = await _owner.RunAsync(() => Thread.CurrentThread.Name).WaitAsync(s_patience);
        var flushes = await _owner.RunAsync(() => _state.Flushes).WaitAsync(s_patience);

        Assert.Equal("test owner", name);
        Assert.True(flushes > 0);
    }

    [Fact]
    public async Task Gives_the_exception_of_posted_work_to_its_caller_and_goes_on()
    {
        _owner.Start();

        await Assert.ThrowsAsync<FormatException>(() => _owner.RunAsync<int>(() => throw new FormatException()));

        Assert.Equal(5, await _owner.RunAsync(() => 5).WaitAsync(s_patience));
    }

    [Fact]
    public async Task Cancels_work_posted_after_its_end()
    {
        _owner.Start();
        _owner.Dispose();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _owner.RunAsync(() => 1));
    }

    [Fact]
    public async Task Posting_allocates_nothing_once_warm()
    {
        _owner.Start();
        var datagram = new byte[148];
        var posted = 0;
        var least = long.MaxValue;
        for (var round = 0; round < Allocations.Rounds; round++)
        {
            posted = 0;
            least = Math.Min(least, Allocations.Of(Post));
            await _owner.RunAsync(() => { }).WaitAsync(s_patience);
            await _owner.RunAsync(() => { }).WaitAsync(s_patience);
        }

        Assert.Equal(0, least);
        Assert.True(posted > 0);

        void Post()
        {
            for (var i = 0; i < 200; i++)
                posted += _owner.TryPost(new Letter { Bytes = datagram }) ? 1 : 0;
        }
    }

    sealed class State : IOwned
    {
        readonly TaskCompletionSource _arrived = new(TaskCreationOptions.RunContinuationsAsynchronously);
        readonly TaskCompletionSource<Instant> _timedOut = new(TaskCreationOptions.RunContinuationsAsynchronously);
        int _expected;

        public Instant NextTimeout { get; set; } = Instant.Never;
        internal List<(int Kind, object? Subject, int Port, int Length, byte Fill)> Letters { get; } = [];
        internal int Flushes { get; private set; }
        internal Task Arrived => _arrived.Task;
        internal Task<Instant> TimedOut => _timedOut.Task;

        internal void Expect(int letters) => _expected = letters;

        public void HandleLetter(in Letter letter, int waiting, Instant now)
        {
            if (_expected == 0)
                return;
            Letters.Add((letter.Kind, letter.Subject, letter.Remote.Port, letter.Bytes.Length, letter.Bytes.IsEmpty ? (byte)0 : letter.Bytes[^1]));
            if (Letters.Count == _expected)
                _arrived.TrySetResult();
        }

        public void HandleTimeout(Instant now)
        {
            NextTimeout = Instant.Never;
            _timedOut.TrySetResult(now);
        }

        public void Flush(Instant now) => Flushes++;
    }
}
