//! The failed attempts of an account: inspected, reset, and bypassed with a mailed token.

use super::{
    inner::AuthProvider, one_times::refused, run_to_completion::RunToCompletion, throttling::Change,
};
use crate::{
    client::ClientInfo,
    event::{Event, EventKind},
    one_time::{Redeemed, Redemption},
    rejection::{OneTimeFault, Rejection},
    throttle::{AccountRecord, Epochs, FamiliarRecord, ThrottleState},
    token::OneTimePurpose,
    user::AuthUser,
};

/// The state of the [login throttle](crate::throttle), for administrators and for users whom it
/// locks out.
impl<U: AuthUser> AuthProvider<U> {
    /// Redeems a mailed token of the purpose [`LoginUnlock`](OneTimePurpose::LoginUnlock), and
    /// makes the client's address familiar to the account, so that attempts by others do not lock
    /// it out any more. The user must still enter the password. `identifier` is what the user types
    /// at the login.
    ///
    /// [`authenticate_unlocked`](Self::authenticate_unlocked) does both at once, which also helps
    /// against an attacker at the same address who continues to guess.
    ///
    /// # Errors
    /// Those of [`redeem`](Self::redeem); [`Rejection::InvalidToken`] also if the identifier is not
    /// that of the token's user. [`Rejection::Misconfigured`] without password login.
    pub async fn unlock_login<'a>(
        &self,
        token: impl Into<Redemption<'a>> + Send,
        identifier: &str,
        client: &ClientInfo,
    ) -> Result<Redeemed<U>, Rejection> {
        let login = self.password_login()?;
        let examined = self.examine(token.into(), OneTimePurpose::LoginUnlock).await?;
        // Before the token is used up, because the identifier may be mistyped.
        let found = self.load_identity(login, identifier).await?;
        let Some(user) = found.filter(|user| user.subject().as_ref() == examined.subject()) else {
            return Err(refused(OneTimeFault::Stale));
        };
        let epoch = self.epoch_before_login(Some(&*user), identifier).await?;
        let epochs = Epochs { logins: epoch, user: user.token_epoch() };
        let (auth, identifier, client) = (self.clone(), identifier.to_owned(), client.clone());
        // Runs to completion, so that a token that is used up has its effect.
        RunToCompletion::new(async move {
            let redeemed = auth.finish(examined, OneTimePurpose::LoginUnlock).await?;
            if let Some(throttle) = &auth.inner.throttle {
                let now = auth.now()?;
                let places = auth.places(throttle, &identifier, &client)?;
                let (rules, tag, spelling) = (&throttle.rules, places.tag, places.spelling);
                let familiar = auth.change(throttle, &places.familiar, now, |record: &mut FamiliarRecord| {
                    record.succeed(tag, spelling, epochs, rules, now);
                    Change::Write(())
                });
                familiar.await?;
            }
            let event = Event::new(EventKind::LoginUnlocked).subject(redeemed.payload().subject());
            auth.raise(&event.client(&client));
            Ok(redeemed)
        })
        .await
    }

    /// Returns the failed attempts at the account with this identifier, from addresses that are not
    /// familiar to it. It makes no difference whether the account exists.
    ///
    /// # Errors
    /// [`Rejection::Unavailable`] if the store or the clock fails.
    pub async fn throttle_state(&self, identifier: &str) -> Result<ThrottleState, Rejection> {
        let Some(throttle) = &self.inner.throttle else { return Ok(ThrottleState::default()) };
        let now = self.now()?;
        let places = self.places(throttle, identifier, &ClientInfo::unknown())?;
        let rules = &throttle.rules;
        let account = self.change(throttle, &places.account, now, |record: &mut AccountRecord| {
            Change::Keep(record.state(rules, now))
        });
        let mut state = account.await?;
        let familiar = self.change(throttle, &places.familiar, now, |record: &mut FamiliarRecord| {
            Change::Keep(record.len(places.spelling, now))
        });
        state.familiar_addresses = familiar.await?;
        Ok(state)
    }

    /// Resets the failed attempts at the account with this identifier, or a record that cannot be
    /// decoded, such as that of another version: every address may try again at once. Counts by
    /// address alone stay, and so do the familiar addresses. Accounts that share the record are
    /// reset too.
    ///
    /// # Errors
    /// As [`throttle_state`](Self::throttle_state).
    pub async fn reset_throttle(&self, identifier: &str) -> Result<(), Rejection> {
        let Some(throttle) = &self.inner.throttle else { return Ok(()) };
        let now = self.now()?;
        let places = self.places(throttle, identifier, &ClientInfo::unknown())?;
        self.drop_if_damaged::<AccountRecord>(throttle, &places.account, now).await?;
        self.drop_if_damaged::<FamiliarRecord>(throttle, &places.familiar, now).await?;
        let account = self.change(throttle, &places.account, now, |record: &mut AccountRecord| {
            *record = AccountRecord::default();
            Change::Write(())
        });
        account.await?;
        let familiar = self.change(throttle, &places.familiar, now, |record: &mut FamiliarRecord| {
            if record.is_empty() {
                return Change::Keep(());
            }
            record.reset();
            Change::Write(())
        });
        familiar.await?;
        let known_as = self.hash_identifier(identifier);
        self.raise(&Event::new(EventKind::ThrottleReset).identifier(&known_as));
        Ok(())
    }
}
